package jose

import (
	"slices"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
)

// Limits of a parsed header.
const (
	headerBytes   = 1024
	headerMembers = 12
)

// ParseHeader reads a protected header and checks size, JSON, allow-list and typ, in this order.
func ParseHeader(bytes []byte, typ string, allowed ...string) (value.Object, error) {
	if len(bytes) > headerBytes {
		return nil, fault.New("E_HEADER", "header")
	}
	o, err := value.ParseJSON(bytes)
	if err != nil || len(o) > headerMembers {
		return nil, fault.New("E_HEADER", "header")
	}
	for _, m := range o {
		if !slices.Contains(allowed, m.Name) {
			return nil, fault.New("E_HEADER", "header")
		}
	}
	if got, _ := o.Text("typ"); got != typ {
		return nil, fault.New("E_TYP", "header")
	}
	return o, nil
}
