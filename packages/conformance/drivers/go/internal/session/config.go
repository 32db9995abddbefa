// Package session is one endpoint of a session as a state machine in virtual time (specs/session.md).
package session

import (
	"encoding/hex"
	"slices"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/jose"
	"sealwire/driver/internal/token"
	"sealwire/driver/internal/value"
)

// defaults are the limits that the state machine looks at, by their names in the registry.
var defaults = map[string]int64{
	"tokenBytes": token.MaxBytes, "clientHelloBytes": 4096, "clientHelloSeconds": 5, "clientAuthBytes": 16384, "handshakeSeconds": 10,
	"earlyDataBytes": 65536, "messageBytes": 1048576, "controlPerSecond": 10, "controlBurst": 50, "queuedMessages": 10000, "queuedBytes": 16777216, "messageTtl": 60,
	"messageTtlMax": 300, "skewSeconds": 30, "clockOffsetWarnSeconds": 300, "clockOffsetMaxSeconds": 86400,
	"clientAuthLifeSeconds": 60, "idleSeconds": 120, "heartbeatSeconds": 30, "sessionSeconds": 86400, "byeSeconds": 2,
	"requestSeconds": 30, "keyMessages": 16777216, "keyBytes": 274877906944, "replayWindow": 1024, "replayDrops": 16,
	"resumeSeconds": 120, "retainedMessages": 1000, "retainedBytes": 4194304, "ackMessages": 64, "ackBytes": 262144, "ackSeconds": 2,
	"resumeChains": 4, "resumesPerMinute": 12, "refreshSeconds": 60, "rekeyMessages": 1048576, "rekeyBytes": 68719476736, "rekeySeconds": 3600,
	"rekeyWaitSeconds": 30, "keySeconds": 86400, "replayEntries": 100000,
}

// drawn is what one handshake, resume or rekey of this end draws at random.
type drawn struct {
	rnd       []byte
	ephemeral map[string]*jose.Private
}

type config struct {
	client   bool
	serverID string
	draws    []drawn
	limits   map[string]int64
	allow    []string
	handlers map[string]string
	window   bool
	batches  bool // messages of one turn share a number

	// Names that a client offers and a server supports.
	prt, st, lvl, sig, cod []string

	// Client.
	pinned map[string]*jose.Public
	token  string
	proof  *jose.Private
	// upgradeToken is the token that went with the upgrade, empty where none did.
	upgradeToken string

	// Server.
	identity    []*jose.Private
	popRequired bool
	issuers     []token.Issuer
	res         int64
	storeDown   bool
	storeNew    bool
	held        []string          // jti that the replay store holds already
	scopes      map[string]string // the scope that a topic asks for
}

func (c *config) limit(name string) int64 {
	if n, ok := c.limits[name]; ok {
		return n
	}
	return defaults[name]
}

func parseConfig(role string, init value.Object) (*config, error) {
	c := &config{client: role == "client", limits: map[string]int64{}, handlers: map[string]string{}}
	c.serverID, _ = init.Text("serverId")
	more, _ := init.List("more")
	for _, v := range append([]any{init}, more...) {
		o, _ := v.(value.Object)
		d, err := parseDrawn(o)
		if err != nil {
			return nil, err
		}
		c.draws = append(c.draws, d)
	}
	limits, _ := init.Object("limits")
	for _, m := range limits {
		c.limits[m.Name], _ = value.Integer(m.Value)
	}
	if n, ok := init.Integer("msg"); ok {
		c.limits["messageBytes"] = n
	}
	c.allow = init.Texts("allow")
	handlers, _ := init.Object("handlers")
	for _, m := range handlers {
		c.handlers[m.Name], _ = m.Value.(string)
	}
	order, _ := init.Text("order")
	c.window = order == "window"
	batch, _ := init.Get("batch")
	c.batches = batch == true
	if c.client {
		return c, c.parseClient(init)
	}
	return c, c.parseServer(init)
}

func parseDrawn(o value.Object) (drawn, error) {
	d := drawn{ephemeral: map[string]*jose.Private{}}
	rnd, _ := o.Text("rnd")
	d.rnd, _ = hex.DecodeString(rnd)
	keys, _ := o.Object("ephemeral")
	for _, m := range keys {
		jwk, _ := m.Value.(value.Object)
		key, err := jose.Secret(jwk)
		if err != nil {
			return drawn{}, fault.Caller()
		}
		d.ephemeral[m.Name] = key
	}
	return d, nil
}

// draw takes the next of what the script has drawn; a connection that sends nothing can be without.
func (c *config) draw() drawn {
	if len(c.draws) == 0 {
		return drawn{}
	}
	d := c.draws[0]
	c.draws = c.draws[1:]
	return d
}

func (c *config) parseClient(init value.Object) error {
	set, _ := init.Object("pinned")
	keys, err := jose.KeySet(set)
	if err != nil {
		return fault.Caller()
	}
	c.pinned = keys
	offer, _ := init.Object("offer")
	c.names(offer)
	c.token, _ = init.Text("token")
	if jwk, ok := init.Object("proofKey"); ok {
		if c.proof, err = jose.Signer(jwk); err != nil {
			return fault.Caller()
		}
	} else {
		c.lvl = slices.DeleteFunc(c.lvl, func(l string) bool { return l == "sig" || l == "nest" })
	}
	if went, _ := init.Get("upgradeToken"); went == true {
		c.upgradeToken = c.token
	}
	return nil
}

func (c *config) parseServer(init value.Object) error {
	list, _ := init.List("identity")
	for _, v := range list {
		jwk, _ := v.(value.Object)
		key, err := jose.Signer(jwk)
		if err != nil {
			return fault.Caller()
		}
		c.identity = append(c.identity, key)
	}
	support, _ := init.Object("support")
	c.names(support)
	pop, _ := init.Text("pop")
	c.popRequired = pop == "required"
	c.res, _ = init.Integer("res")
	store, _ := init.Text("store")
	c.storeDown, c.storeNew = store == "down", store == "new"
	c.held = init.Texts("store")
	scopes, _ := init.Object("scopes")
	c.scopes = map[string]string{}
	for _, m := range scopes {
		c.scopes[m.Name], _ = m.Value.(string)
	}
	c.upgradeToken, _ = init.Text("upgradeToken")
	list, _ = init.List("issuers")
	c.issuers = token.Issuers(list, c.serverID)
	return nil
}

func (c *config) names(o value.Object) {
	c.prt, c.st, c.lvl, c.sig, c.cod = o.Texts("prt"), o.Texts("st"), o.Texts("lvl"), o.Texts("sig"), o.Texts("cod")
}
