package value

import (
	"math"

	"github.com/fxamacker/cbor/v2"
)

// Integers and heads come out shortest; a number that is no integer stays a float64, since others are refused.
var encoder = func() cbor.EncMode {
	mode, err := cbor.EncOptions{ShortestFloat: cbor.ShortestFloatNone}.EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// WriteCBOR writes a value of the data model, maps in the order of their members.
func WriteCBOR(v any) []byte {
	out, err := encoder.Marshal(encodable(v))
	if err != nil {
		panic(err)
	}
	return out
}

func encodable(v any) any {
	switch x := v.(type) {
	case nil, bool, string:
		return x
	case Bytes:
		return []byte(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = encodable(e)
		}
		return list
	case Object:
		return x
	}
	f, _ := Float(v)
	if f == math.Trunc(f) && math.Abs(f) <= MaxInteger {
		return int64(f)
	}
	return f
}

// MarshalCBOR writes the map in the order of its members, which the library's own maps do not keep.
func (o Object) MarshalCBOR() ([]byte, error) {
	count, err := encoder.Marshal(uint64(len(o)))
	if err != nil {
		return nil, err
	}
	count[0] |= 5 << 5
	for _, m := range o {
		name, err := encoder.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		count = append(append(count, name...), WriteCBOR(m.Value)...)
	}
	return count, nil
}
