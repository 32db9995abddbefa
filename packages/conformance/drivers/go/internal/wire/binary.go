package wire

import (
	"encoding/binary"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
)

// Nonce is static_iv XOR (0x00000000 || uint64_be(seq)).
func Nonce(staticIV []byte, seq uint64) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[4:], seq)
	for i := range nonce {
		nonce[i] ^= staticIV[i]
	}
	return nonce
}

// numbers is how many unsigned integers stand before the byte strings of each form, behind the form itself.
var numbers = []int{0, 0, 0, 2, 1}

func decodeBinary(data []byte) (*Frame, error) {
	broken := fault.New("E_CBOR", "encoding")
	next := func(major byte) (uint64, bool) {
		n, size, ok := readHead(data, major)
		if ok {
			data = data[size:]
		}
		return n, ok
	}
	count, ok := next(4)
	if !ok {
		return nil, broken
	}
	form, ok := next(0)
	if !ok || form > Signed || int(count) != 1+numbers[form]+len(PartNames[form]) {
		return nil, broken
	}
	f := &Frame{Form: int(form)}
	index := []*uint64{&f.H, &f.Seq}
	for i := range numbers[form] {
		if *index[i], ok = next(0); !ok || *index[i] > value.MaxInteger {
			return nil, broken
		}
	}
	for range PartNames[form] {
		n, ok := next(2)
		if !ok || n > uint64(len(data)) {
			return nil, broken
		}
		f.Parts = append(f.Parts, data[:n:n])
		data = data[n:]
	}
	if len(data) > 0 || f.Form == JWE && len(f.Parts[1]) > 0 {
		return nil, broken
	}
	return f, nil
}

// readHead reads a head of the given major type in its shortest definite form.
func readHead(data []byte, major byte) (n uint64, size int, ok bool) {
	if len(data) == 0 || data[0]>>5 != major {
		return 0, 0, false
	}
	info := data[0] & 0x1f
	if info < 24 {
		return uint64(info), 1, true
	}
	if info > 27 {
		return 0, 0, false
	}
	size = 1 + 1<<(info-24)
	if len(data) < size {
		return 0, 0, false
	}
	for _, b := range data[1:size] {
		n = n<<8 | uint64(b)
	}
	least := []uint64{24, 1 << 8, 1 << 16, 1 << 32}
	return n, size, n >= least[info-24]
}

func (f *Frame) encodeBinary() []byte {
	out := []byte{0x80 | byte(1+numbers[f.Form]+len(PartNames[f.Form])), byte(f.Form)}
	for _, n := range []uint64{f.H, f.Seq}[:numbers[f.Form]] {
		out = appendHead(out, 0, n)
	}
	for _, p := range f.Parts {
		out = append(appendHead(out, 2, uint64(len(p))), p...)
	}
	return out
}

func appendHead(out []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(out, major<<5|byte(n))
	case n < 1<<8:
		return append(out, major<<5|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, major<<5|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(out, major<<5|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(out, major<<5|27), n)
}
