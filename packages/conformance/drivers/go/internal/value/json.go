package value

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// Limits of claims (specs/conventions.md, section 7).
const (
	maxDepth   = 32
	maxMembers = 256
	maxNodes   = 100000
)

var errJSON = errors.New("not an acceptable JSON text")

type parser struct {
	text   string
	pos    int
	nodes  int
	strict bool
}

// ParseJSON reads exactly one JSON object by the rules of specs/conventions.md, section 4.
func ParseJSON(text []byte) (Object, error) {
	if !utf8.Valid(text) {
		return nil, errJSON
	}
	p := &parser{text: string(text), strict: true}
	v, err := p.whole()
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return nil, errJSON
	}
	for _, name := range []string{"constructor", "prototype"} {
		if o.Has(name) {
			return nil, errJSON
		}
	}
	return o, nil
}

// ParseAny reads any JSON value without the limits; lone surrogates become ill-formed UTF-8, which InModel refuses.
func ParseAny(text []byte) (any, error) {
	p := &parser{text: string(text)}
	return p.whole()
}

func (p *parser) whole() (any, error) {
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos != len(p.text) {
		return nil, errJSON
	}
	return v, nil
}

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	p.space()
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.peek() == c && p.pos < len(p.text) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) value(depth int) (any, error) {
	p.nodes++
	if p.strict && p.nodes > maxNodes {
		return nil, errJSON
	}
	c := p.peek()
	switch {
	case c == '{' || c == '[':
		if p.strict && depth > maxDepth || depth > 10000 {
			return nil, errJSON
		}
		p.pos++
		if c == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for word, v := range map[string]any{"null": nil, "true": true, "false": false} {
		if len(p.text)-p.pos >= len(word) && p.text[p.pos:p.pos+len(word)] == word {
			p.pos += len(word)
			return v, nil
		}
	}
	return nil, errJSON
}

func (p *parser) object(depth int) (any, error) {
	o := Object{}
	if p.take('}') {
		return o, nil
	}
	seen := map[string]bool{}
	for {
		if p.peek() != '"' {
			return nil, errJSON
		}
		name, err := p.str()
		if err != nil {
			return nil, err
		}
		if p.strict && (seen[name] || name == "__proto__" || len(o) == maxMembers) || !p.take(':') {
			return nil, errJSON
		}
		seen[name] = true
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o = append(o, Member{name, v})
		if p.take('}') {
			return o, nil
		}
		if !p.take(',') {
			return nil, errJSON
		}
	}
}

func (p *parser) array(depth int) (any, error) {
	list := []any{}
	if p.take(']') {
		return list, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.take(']') {
			return list, nil
		}
		if !p.take(',') {
			return nil, errJSON
		}
	}
}

func (p *parser) digits() bool {
	from := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	return p.pos > from
}

func (p *parser) number() (any, error) {
	from := p.pos
	at := func(chars string) bool {
		for i := range len(chars) {
			if p.pos < len(p.text) && p.text[p.pos] == chars[i] {
				p.pos++
				return true
			}
		}
		return false
	}
	at("-")
	if !at("0") && !p.digits() {
		return nil, errJSON
	}
	if at(".") && !p.digits() {
		return nil, errJSON
	}
	if at("eE") {
		at("+-")
		if !p.digits() {
			return nil, errJSON
		}
	}
	n := Number(p.text[from:p.pos])
	if _, err := strconv.ParseFloat(string(n), 64); err != nil {
		return nil, errJSON
	}
	return n, nil
}

func (p *parser) str() (string, error) {
	p.pos++
	out := []byte{}
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch {
		case c == '"':
			return string(out), nil
		case c < 0x20:
			return "", errJSON
		case c != '\\':
			out = append(out, c)
			continue
		}
		if p.pos == len(p.text) {
			return "", errJSON
		}
		c = p.text[p.pos]
		p.pos++
		if plain, ok := escapes[c]; ok {
			out = append(out, plain)
			continue
		}
		r, ok := p.unit()
		if c != 'u' || !ok {
			return "", errJSON
		}
		if r >= 0xd800 && r < 0xdc00 && p.pos+1 < len(p.text) && p.text[p.pos:p.pos+2] == `\u` {
			mark := p.pos
			p.pos += 2
			if low, ok := p.unit(); ok && low >= 0xdc00 && low < 0xe000 {
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
			} else {
				p.pos = mark
			}
		}
		if r >= 0xd800 && r < 0xe000 {
			if p.strict {
				return "", errJSON
			}
			out = append(out, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return "", errJSON
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) unit() (rune, bool) {
	if p.pos+4 > len(p.text) {
		return 0, false
	}
	for _, c := range []byte(p.text[p.pos : p.pos+4]) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(p.text[p.pos:p.pos+4], 16, 32)
	p.pos += 4
	return rune(n), err == nil
}
