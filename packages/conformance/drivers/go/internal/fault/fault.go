// Package fault holds the error codes of the specification: what they say, where they occur and what they close.
package fault

// Fault is a refusal: the code of the first step that fails.
type Fault struct {
	Code string
	Step string
	// Scope overrules what the registry says about fatality.
	Scope Scope
}

// Scope is what a refusal ends.
type Scope int

// Most codes say it themselves; what is refused outside of a session or dropped ends nothing.
const (
	ByCode Scope = iota
	Nothing
	Session
)

func (f *Fault) Error() string {
	return f.Code + " in step " + f.Step
}

// New makes a refusal.
func New(code, step string) *Fault {
	return &Fault{Code: code, Step: step}
}

// Caller is a mistake of the calling program, which the specification calls a TypeError.
func Caller() *Fault {
	return New("TypeError", "local")
}

// Fatal tells whether the refusal ends the session.
func (f *Fault) Fatal() bool {
	switch {
	case f.Scope != ByCode:
		return f.Scope == Session
	case f.Code == "E_FUTURE":
		return f.Step == "claims"
	}
	return Codes[f.Code].Fatal
}

// Harmless is the refusal of a standalone envelope, or of a message that window order drops.
func Harmless(err error) error {
	if f, ok := err.(*Fault); ok {
		return &Fault{Code: f.Code, Step: f.Step, Scope: Nothing}
	}
	return err
}
