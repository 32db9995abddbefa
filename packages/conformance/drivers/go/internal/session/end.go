package session

import (
	"sealwire/driver/internal/fault"
)

// fail ends the session with an error that this end found, or that the peer told.
func (s *session) fail(err error) {
	if s.state == closed {
		return
	}
	f, _, peerName := split(err)
	if s.conn == nil {
		s.finish(err)
		return
	}
	code := fault.Codes[f.Code].Close
	if code == 0 {
		code = 1000
	}
	// In an open session the time-out of a handshake is that of a rekey.
	if (f.Code == "E_IDLE" || f.Code == "E_TIMEOUT_HS") && s.survives() {
		s.closeConn(code)
		s.lose()
		return
	}
	if !s.ownBye && peerName == "" && f.Code != "E_TRUNCATED" {
		s.sendBye(fault.Names[code])
	}
	s.closeConn(code)
	s.finish(err)
}

func (s *session) closeConn(code int) {
	s.conn.state = closed
	s.out.closed = closeOut(code)
}

// survives tells whether the session outlives its connection.
func (s *session) survives() bool {
	return s.resumable() && !s.ownBye && !s.peerBye
}

// lose goes on without a connection.
func (s *session) lose() {
	s.conn.state = closed
	s.conn, s.state, s.lostAt = nil, lost, s.now
	s.renewal, s.asked = renewal{}, 0
}

// gone handles a connection that is no longer there.
func (s *session) gone() {
	switch {
	case s.survives():
		s.lose()
	case !s.peerBye:
		s.finish(fault.New("E_TRUNCATED", "local"))
	default:
		s.finish(s.peerError)
	}
}

// endInOrder closes when both ends have said bye; a reason that the peer gave is no error of this end.
func (s *session) endInOrder() {
	s.closeConn(1000)
	s.finish(s.peerError)
}

// finish reports the end; err is nil for an end in order.
func (s *session) finish(err error) {
	peerName, pending := "", "E_CLOSED"
	if err != nil {
		var f *fault.Fault
		f, _, peerName = split(err)
		pending = f.Code
		s.out.failed = reported(err)
	}
	s.settleAll(pending)
	s.surrender()
	s.out.ended = append(s.out.ended,
		member("clean", s.ownBye && s.peerBye && (err == nil || peerName == "away")), member("truncated", !s.peerBye))
	if s.ring != nil {
		s.out.ended = append(s.out.ended, member("dropped", s.drops), member("missing", s.ring.Missing()))
	}
	if s.conn != nil {
		s.conn.state = closed
	}
	s.state, s.conn, s.chains = closed, nil, nil
}

// givenUp ends a session of which another one has taken the place.
func (s *session) givenUp() {
	if s.state == closed {
		return
	}
	s.settleAll("E_CLOSED")
	s.surrender()
	if s.conn != nil {
		s.conn.state = closed
	}
	s.state, s.conn, s.chains = closed, nil, nil
}
