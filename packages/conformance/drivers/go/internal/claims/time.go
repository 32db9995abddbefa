package claims

import "sealwire/driver/internal/fault"

// CheckTime does the rules of step time (specs/conventions.md, section 6).
func CheckTime(iat *int64, exp, now, skew, longest int64) error {
	switch {
	case now >= exp+skew:
		return fault.New("E_EXPIRED", "time")
	case iat != nil && *iat > now+skew:
		return fault.New("E_FUTURE", "time")
	case iat != nil && exp-*iat > longest, exp > now+longest+skew:
		return fault.New("E_TTL", "time")
	}
	return nil
}
