// Package replay holds the orders of a session, strict and window, and the replay store (specs/replay.md).
package replay

// Order says which sequence numbers a direction accepts; Check changes nothing.
type Order interface {
	Check(seq uint64) (code string)
	Commit(seq uint64)
	Top() uint64
}

// Strict accepts each number after the one before it.
type Strict struct{ Last uint64 }

// Check compares a number with the last committed one.
func (s *Strict) Check(seq uint64) string {
	switch {
	case seq == 0 || seq > s.Last+1:
		return "E_SEQ"
	case seq <= s.Last:
		return "E_REPLAY"
	}
	return ""
}

// Commit stores the number of an authentic message.
func (s *Strict) Commit(seq uint64) { s.Last = seq }

// Top is the highest committed number.
func (s *Strict) Top() uint64 { return s.Last }

// First accepts the number 0 alone: that of the first message of a resumed connection.
type First struct{}

// Check compares a number with 0.
func (First) Check(seq uint64) string {
	if seq != 0 {
		return "E_SEQ"
	}
	return ""
}

// Commit has nothing to store.
func (First) Commit(uint64) {}

// Top is the highest committed number.
func (First) Top() uint64 { return 0 }

// Window accepts each number once and in any order, as far back as its size (RFC 6479).
type Window struct {
	size  uint64
	top   uint64
	words []uint64
	count uint64
}

// NewWindow makes an empty window.
func NewWindow(size uint64) *Window {
	return &Window{size: size, words: make([]uint64, (size+62)/64+1)}
}

func (w *Window) slot(word uint64) *uint64 {
	return &w.words[word%uint64(len(w.words))]
}

// Check compares a number with the window.
func (w *Window) Check(seq uint64) string {
	switch {
	case seq == 0:
		return "E_SEQ"
	case seq > w.top:
		return ""
	case w.top-seq >= w.size, *w.slot(seq / 64)>>(seq%64)&1 == 1:
		return "E_REPLAY"
	}
	return ""
}

// Commit stores the number of an authentic message; a step forward clears whole words.
func (w *Window) Commit(seq uint64) {
	if seq > w.top {
		from, to := w.top/64, seq/64
		if to-from > uint64(len(w.words)) {
			from = to - uint64(len(w.words))
		}
		for word := from + 1; word <= to; word++ {
			*w.slot(word) = 0
		}
		w.top = seq
	}
	*w.slot(seq / 64) |= 1 << (seq % 64)
	w.count++
}

// Top is the highest committed number.
func (w *Window) Top() uint64 { return w.top }

// Missing is how many numbers up to the highest one were not committed.
func (w *Window) Missing() uint64 { return w.top - w.count }
