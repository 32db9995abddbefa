package fault

// Info is what the registry says about an error code; Close is 0 for a code that closes nothing.
type Info struct {
	Steps []string
	Close int
	Fatal bool
}

// Codes are the error codes of specs/registry/errors.json.
var Codes = map[string]Info{
	"E_FRAME":           {[]string{"frame"}, 4400, true},
	"E_TOO_BIG":         {[]string{"frame"}, 1009, true},
	"E_MALFORMED":       {[]string{"encoding", "inner"}, 4400, true},
	"E_CBOR":            {[]string{"encoding"}, 4400, true},
	"E_B64":             {[]string{"encoding", "inner"}, 4400, true},
	"E_HEADER":          {[]string{"header"}, 4400, true},
	"E_TYP":             {[]string{"header"}, 4400, true},
	"E_ALG":             {[]string{"header"}, 4400, true},
	"E_CTY":             {[]string{"header"}, 4400, true},
	"E_KEY":             {[]string{"header", "claims"}, 4501, true},
	"E_IV":              {[]string{"sequence"}, 4501, true},
	"E_SEQ":             {[]string{"sequence", "claims"}, 4502, true},
	"E_REPLAY":          {[]string{"sequence", "claims", "deliver"}, 4502, true},
	"E_CRYPTO":          {[]string{"crypto", "inner"}, 4501, true},
	"E_SIG_SERVER":      {[]string{"crypto"}, 4501, true},
	"E_CLAIMS":          {[]string{"claims"}, 4400, true},
	"E_BINDING":         {[]string{"claims"}, 4501, true},
	"E_TRANSCRIPT":      {[]string{"claims"}, 4501, true},
	"E_STATE":           {[]string{"commit", "header"}, 4400, true},
	"E_EXPIRED":         {[]string{"time"}, 0, false},
	"E_FUTURE":          {[]string{"time", "claims"}, 0, false},
	"E_TTL":             {[]string{"time"}, 0, false},
	"E_SESSION_EXPIRED": {[]string{"session", "claims"}, 4510, true},
	"E_REVOKED":         {[]string{"session"}, 4403, true},
	"E_RATE":            {[]string{"rate"}, 0, false},
	"E_QUOTA":           {[]string{"commit", "rate"}, 4529, true},
	"E_DENIED":          {[]string{"authorize"}, 0, false},
	"E_REPLAY_STORE":    {[]string{"deliver"}, 0, false},
	"E_NO_HANDLER":      {[]string{"deliver"}, 0, false},
	"E_HANDLER":         {[]string{"deliver"}, 0, false},
	"E_INVALID":         {[]string{"deliver"}, 0, false},
	"E_ORIGIN":          {[]string{"local"}, 3003, true},
	"E_FORBIDDEN":       {[]string{"claims"}, 3003, true},
	"E_AUTH_REQUIRED":   {[]string{"local"}, 3000, true},
	"E_TOKEN":           {[]string{"claims"}, 3000, true},
	"E_POP":             {[]string{"claims"}, 3000, true},
	"E_NEGOTIATE":       {[]string{"claims"}, 4406, true},
	"E_DOWNGRADE":       {[]string{"claims"}, 4406, true},
	"E_TIMEOUT_HS":      {[]string{"local"}, 3008, true},
	"E_IDLE":            {[]string{"local"}, 3008, true},
	"E_BUSY":            {[]string{"local"}, 1013, true},
	"E_INTERNAL":        {[]string{"local"}, 1011, true},
	"E_RESUME":          {[]string{"header", "session"}, 4504, true},
	"E_KEY_LIMIT":       {[]string{"commit"}, 4508, true},
	"E_SUPERSEDED":      {[]string{"session"}, 4409, true},
	"E_DEPENDENCY":      {[]string{"local"}, 0, false},
	"E_TIMEOUT":         {[]string{"local"}, 0, false},
	"E_CLOSED":          {[]string{"local"}, 0, true},
	"E_TRUNCATED":       {[]string{"local"}, 0, true},
	"E_QUEUE_FULL":      {[]string{"local"}, 0, false},
}

// Names are the coarse names of the close codes.
var Names = map[int]string{
	1000: "normal",
	1001: "away",
	1012: "away",
	1013: "busy",
	1009: "too-big",
	1011: "internal",
	3000: "unauthorized",
	3003: "forbidden",
	3008: "timeout",
	4400: "protocol",
	4403: "revoked",
	4406: "negotiate",
	4409: "superseded",
	4501: "crypto",
	4502: "replay",
	4504: "resume",
	4508: "key-limit",
	4510: "expired",
	4529: "quota",
}

// Claimed is the error with which a coarse name from the peer ends the session.
var Claimed = map[string]string{
	"normal":       "E_CLOSED",
	"away":         "E_CLOSED",
	"busy":         "E_BUSY",
	"too-big":      "E_TOO_BIG",
	"internal":     "E_INTERNAL",
	"unauthorized": "E_AUTH_REQUIRED",
	"forbidden":    "E_FORBIDDEN",
	"timeout":      "E_TIMEOUT_HS",
	"protocol":     "E_MALFORMED",
	"revoked":      "E_REVOKED",
	"negotiate":    "E_NEGOTIATE",
	"superseded":   "E_SUPERSEDED",
	"crypto":       "E_CRYPTO",
	"replay":       "E_REPLAY",
	"resume":       "E_RESUME",
	"key-limit":    "E_KEY_LIMIT",
	"expired":      "E_SESSION_EXPIRED",
	"quota":        "E_QUOTA",
}

// CloseOf is the close code of a coarse name, 0 for a name that is not listed. Of the two codes of "away" it is 1001.
func CloseOf(name string) int {
	least := 0
	for code, listed := range Names {
		if listed == name && (least == 0 || code < least) {
			least = code
		}
	}
	return least
}
