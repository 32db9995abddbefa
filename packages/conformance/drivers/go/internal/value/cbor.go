package value

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/fxamacker/cbor/v2"
)

var errCBOR = errors.New("not an acceptable CBOR map")

// The library refuses what is not well formed, indefinite lengths, tags, invalid UTF-8, NaN and infinity.
var decoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		NaN:              cbor.NaNDecodeForbidden,
		Inf:              cbor.InfDecodeForbidden,
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: math.MaxInt32,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// zone says what a value may be: a member of the specification, the whole of application data, or a part of it.
type zone int

const (
	own zone = iota
	whole
	inside
)

// ownClaims are the names of the claims of an application message; every other member holds application data.
var ownClaims = map[string]bool{
	"iss": true, "aud": true, "bnd": true, "seq": true, "iat": true, "exp": true, "top": true, "ref": true,
	"req": true, "bin": true, "bat": true, "rcv": true, "pad": true,
}

type reader struct {
	rest  []byte
	nodes int
}

// ParseCBOR reads exactly one map by the rules of specs/envelope.md, section 6.
func ParseCBOR(data []byte) (Object, error) {
	if len(data) == 0 || data[0]>>5 != 5 || decoder.Wellformed(data) != nil {
		return nil, errCBOR
	}
	r := &reader{rest: data}
	return r.object(1, own, func(name string) zone {
		if ownClaims[name] {
			return own
		}
		return whole
	})
}

func (r *reader) value(depth int, z zone, batch bool) (any, error) {
	if r.nodes++; r.nodes > maxNodes || len(r.rest) == 0 {
		return nil, errCBOR
	}
	switch r.rest[0] >> 5 {
	case 2:
		if z != whole {
			return nil, errCBOR
		}
	case 4:
		return r.array(depth, z, batch)
	case 5:
		r.nodes--
		return r.object(depth, z, func(string) zone { return z.below() })
	}
	return r.scalar()
}

func (z zone) below() zone {
	if z == own {
		return own
	}
	return inside
}

func (r *reader) scalar() (any, error) {
	major, n, size := head(r.rest)
	if major == 7 {
		if info := r.rest[0] & 0x1f; info != 20 && info != 21 && info != 22 && info != 27 {
			return nil, errCBOR
		}
	} else if size != shortest(n) || major < 2 && n > MaxInteger-uint64(major) {
		return nil, errCBOR
	}
	var v any
	rest, err := decoder.UnmarshalFirst(r.rest, &v)
	if err != nil {
		return nil, errCBOR
	}
	r.rest = rest
	if b, ok := v.([]byte); ok {
		return Bytes(b), nil
	}
	return v, nil
}

func (r *reader) array(depth int, z zone, batch bool) (any, error) {
	_, n, size := head(r.rest)
	if depth > maxDepth || size != shortest(n) {
		return nil, errCBOR
	}
	r.rest = r.rest[size:]
	list := []any{}
	for i := range n {
		below := z.below()
		if z == own && depth == 3 && batch && i == 2 {
			below = whole
		}
		v, err := r.value(depth+1, below, batch)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *reader) object(depth int, z zone, of func(string) zone) (Object, error) {
	r.nodes++
	_, n, size := head(r.rest)
	if depth > maxDepth || n > maxMembers || r.nodes > maxNodes || z == own && size != shortest(n) {
		return nil, errCBOR
	}
	r.rest = r.rest[size:]
	o := Object{}
	for range n {
		if len(r.rest) == 0 || r.rest[0]>>5 != 3 {
			return nil, errCBOR
		}
		key, err := r.scalar()
		if err != nil {
			return nil, err
		}
		name := key.(string)
		if o.Has(name) || name == "__proto__" || depth == 1 && (name == "constructor" || name == "prototype") {
			return nil, errCBOR
		}
		v, err := r.value(depth+1, of(name), depth == 1 && name == "bat")
		if err != nil {
			return nil, err
		}
		o = append(o, Member{name, v})
	}
	return o, nil
}

// head reads the head of a well-formed item: its major type, its argument and its size in bytes.
func head(b []byte) (major byte, n uint64, size int) {
	major, info := b[0]>>5, b[0]&0x1f
	switch {
	case info < 24:
		return major, uint64(info), 1
	case info == 24:
		return major, uint64(b[1]), 2
	case info == 25:
		return major, uint64(binary.BigEndian.Uint16(b[1:])), 3
	case info == 26:
		return major, uint64(binary.BigEndian.Uint32(b[1:])), 5
	default:
		return major, binary.BigEndian.Uint64(b[1:]), 9
	}
}

func shortest(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n <= math.MaxUint8:
		return 2
	case n <= math.MaxUint16:
		return 3
	case n <= math.MaxUint32:
		return 5
	}
	return 9
}
