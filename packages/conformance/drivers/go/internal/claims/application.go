package claims

import "sealwire/driver/internal/value"

// Item is what the application gets: a message without bat is a list of one.
type Item struct {
	Top  string
	Ref  *Ref
	Req  bool
	Data any
}

// Application are the claims of an application message.
type Application struct {
	Iss, Aud, Bnd string
	Seq           int64
	Jti           string
	Iat           *int64
	Exp           int64
	Items         []Item
	Batch         bool
}

// Signs tells whether the level carries iss, aud, bnd and iat.
func Signs(level string) bool {
	return level == "sig" || level == "nest"
}

// Hides tells whether the level encrypts.
func Hides(level string) bool {
	return level == "aead" || level == "nest"
}

// ReadApplication checks the syntax of an application message.
func ReadApplication(data []byte, codec, level string) (*Application, error) {
	parse := value.ParseJSON
	if codec == "cbor" {
		parse = value.ParseCBOR
	}
	o, err := parse(data)
	if err != nil {
		return nil, broken
	}
	m := &members{Object: o}
	a := &Application{Seq: m.integer("seq", 1), Exp: m.integer("exp", 0)}
	if Signs(level) {
		a.Iss, a.Aud, a.Bnd = m.identifier("iss"), m.identifier("aud"), m.hash("bnd", 16)
	} else {
		m.absent("iss", "aud", "bnd")
	}
	if Signs(level) || m.Has("iat") {
		iat := m.integer("iat", 0)
		a.Iat = &iat
		m.check(a.Exp >= iat)
	}
	m.absent("rcv")
	if pad, ok := m.Get("pad"); ok {
		_, text := pad.(string)
		m.check(text && Hides(level))
	}
	if m.Has("bat") {
		a.Batch = true
		m.absent("top", "ref", "req", "dat", "bin")
		bat, _ := m.Get("bat")
		items, ok := ReadItems(bat)
		m.check(ok)
		a.Items = items
	} else {
		a.Items = []Item{m.single(codec)}
	}
	if m.Has("jti") {
		a.Jti = m.hash("jti", 16)
		m.check(a.Iat != nil && !a.Batch && a.Items[0].Ref == nil && !a.Items[0].Req)
	}
	if m.bad {
		return nil, broken
	}
	return a, nil
}

func (m *members) single(codec string) Item {
	item := Item{Top: m.topic("top")}
	if ref, ok := m.Get("ref"); ok {
		item.Ref = m.ref(ref)
	}
	if req, ok := m.Get("req"); ok {
		item.Req = true
		m.check(req == true && item.Ref == nil)
	}
	item.Data = m.content(codec == "json")
	return item
}

// ReadItems reads the items of bat.
func ReadItems(v any) ([]Item, bool) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 256 {
		return nil, false
	}
	items := []Item{}
	for _, e := range list {
		entry, ok := e.([]any)
		if !ok || len(entry) != 3 && len(entry) != 4 {
			return nil, false
		}
		top, ok := entry[0].(string)
		item := Item{Top: top, Data: entry[2], Req: len(entry) == 4}
		if entry[1] != nil {
			ref, shaped := ReadRef(entry[1])
			item.Ref, ok = ref, ok && shaped
		}
		if !ok || !Topic(top) || item.Req && (entry[3] != true || item.Ref != nil) {
			return nil, false
		}
		items = append(items, item)
	}
	return items, true
}

// Batched tells whether an item can stand in a batch.
func (i Item) Batched(codec string) bool {
	a := &Application{Seq: 1, Items: []Item{i}, Batch: true}
	return a.Sealable(codec, "mac")
}

// Sealable tells whether a sealer takes these claims: data within the data model, everything within syntax and limits.
func (a *Application) Sealable(codec, level string) bool {
	for _, item := range a.Items {
		if !value.InModel(item.Data, codec == "cbor") || !Topic(item.Top) {
			return false
		}
		if _, bytes := item.Data.(value.Bytes); bytes && a.Batch && codec == "json" {
			return false
		}
	}
	_, err := ReadApplication(a.Write(codec), codec, level)
	return err == nil
}

// Write writes the claims; the caller has checked the data against the data model.
func (a *Application) Write(codec string) []byte {
	o := value.Object{}
	add := func(name string, v any) {
		o = append(o, value.Member{Name: name, Value: v})
	}
	if a.Iss != "" {
		add("iss", a.Iss)
		add("aud", a.Aud)
		add("bnd", a.Bnd)
	}
	add("seq", a.Seq)
	if a.Jti != "" {
		add("jti", a.Jti)
	}
	if a.Iat != nil {
		add("iat", *a.Iat)
	}
	add("exp", a.Exp)
	if a.Batch {
		add("bat", entries(a.Items))
	} else {
		item := a.Items[0]
		add("top", item.Top)
		if item.Ref != nil {
			add("ref", item.Ref.Wire())
		}
		if item.Req {
			add("req", true)
		}
		o = append(o, content(item.Data, codec))
	}
	if codec == "cbor" {
		return value.WriteCBOR(o)
	}
	return value.WriteJSON(o)
}

// entries are items as they stand in bat.
func entries(items []Item) []any {
	list := []any{}
	for _, item := range items {
		entry := []any{item.Top, item.Ref.Wire(), item.Data}
		if item.Req {
			entry = append(entry, true)
		}
		list = append(list, entry)
	}
	return list
}
