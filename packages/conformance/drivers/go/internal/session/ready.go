package session

import (
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

func (c *conn) onServerReady(m wire.Message) error {
	f, err := c.read(m, c.limit("messageBytes"))
	if err != nil {
		return err
	}
	if f.Form == wire.Bare {
		return serverError(f)
	}
	keys := c.late().Keys("s hs")
	if f.Form != wire.JWE || string(f.Parts[0]) != readyHeader(keys.Kid) {
		return fault.New("E_HEADER", "header")
	}
	plaintext, err := openZero(f, keys)
	if err != nil {
		return err
	}
	o, err := value.ParseJSON(plaintext)
	if err != nil {
		return badClaims
	}
	_, th := hash(o, "th", 32)
	iat, ok := o.Integer("iat")
	exp, ok2 := o.Integer("exp")
	sub, ok3 := o.Text("sub")
	scopes, ok4 := o.List("scp")
	for _, s := range scopes {
		_, text := s.(string)
		ok4 = ok4 && text
	}
	cb, binding := o.Get("cb")
	_, binds := cb.(string)
	if !th || !ok || !ok2 || !ok3 || !ok4 || binding && !binds || exp < iat {
		return badClaims
	}
	got, _ := o.Text("th")
	if got != wire.Encode(c.th3) || binding && cb != wire.Encode(c.late().Derive("cb", 32)) {
		return fault.New("E_TRANSCRIPT", "claims")
	}
	now, skew := c.serverTime(), c.limit("skewSeconds")
	if iat > now+skew || now >= exp+skew {
		return fault.New("E_SESSION_EXPIRED", "claims")
	}
	c.opens(grant{sub: sub, scp: scopes, began: iat, exp: exp})
	return nil
}
