package main

import (
	"encoding/hex"
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/replay"
	"sealwire/driver/internal/value"
)

func replayWindow(in input) (value.Object, error) {
	w := replay.NewWindow(uint64(in.number("size", 1024)))
	verdicts := []any{}
	list, _ := in.List("seqs")
	for _, v := range list {
		f, _ := value.Float(v)
		code := w.Check(uint64(f))
		if code == "" {
			w.Commit(uint64(f))
			code = "ok"
		}
		verdicts = append(verdicts, code)
	}
	return value.Object{member("verdicts", verdicts)}, nil
}

func replayKey(in input) (value.Object, error) {
	key := replay.Key(in.text("receiver"), in.text("iss"), in.text("jti"))
	return value.Object{member("key", hex.EncodeToString(key[:]))}, nil
}

func replayStore(in input) (value.Object, error) {
	store := replay.NewStore(int(in.number("capacity", 1000000)), in.number("skew", 60))
	if in.Has("startedAt") {
		store.StartedAt(in.number("startedAt", 0))
	}
	verdicts := []any{}
	list, _ := in.List("steps")
	for _, v := range list {
		o, _ := v.(value.Object)
		s := input{o}
		e := replay.Envelope{
			Receiver: s.text("receiver"), Iss: s.text("iss"), Jti: s.text("jti"),
			Iat: s.number("iat", 0), Exp: s.number("exp", 0),
		}
		code := store.Insert(s.number("now", 0), e)
		if code == "" {
			code = "ok"
		}
		verdicts = append(verdicts, code)
	}
	return value.Object{member("verdicts", verdicts)}, nil
}

func errorInfo(in input) (value.Object, error) {
	info, ok := fault.Codes[in.text("code")]
	if !ok {
		return nil, fault.Caller()
	}
	steps := []any{}
	for _, s := range info.Steps {
		steps = append(steps, s)
	}
	var code, name any
	if info.Close != 0 {
		code, name = info.Close, fault.Names[info.Close]
	}
	return value.Object{member("steps", steps), member("fatal", info.Fatal), member("close", code), member("name", name)}, nil
}
