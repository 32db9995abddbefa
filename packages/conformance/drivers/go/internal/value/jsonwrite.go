package value

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// WriteJSON writes a value without white space, in the order of its members, numbers in the shortest form of binary64.
func WriteJSON(v any) []byte {
	return appendJSON(nil, v)
}

func appendJSON(out []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, x)
	case string:
		return appendString(out, x)
	case Bytes:
		return appendJSON(out, Object{{"$bytes", hex.EncodeToString(x)}})
	case []any:
		out = append(out, '[')
		for i, e := range x {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, e)
		}
		return append(out, ']')
	case Object:
		out = append(out, '{')
		for i, m := range x {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendString(out, m.Name), ':')
			out = appendJSON(out, m.Value)
		}
		return append(out, '}')
	}
	f, ok := Float(v)
	if !ok {
		panic(fmt.Sprintf("no JSON for %T", v))
	}
	if f == 0 {
		return append(out, '0')
	}
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return append(out, text...)
}

func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= 0x20:
			out = append(out, c)
		case c == '\b':
			out = append(out, `\b`...)
		case c == '\f':
			out = append(out, `\f`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c == '\t':
			out = append(out, `\t`...)
		default:
			out = fmt.Appendf(out, `\u%04x`, c)
		}
	}
	return append(out, '"')
}
