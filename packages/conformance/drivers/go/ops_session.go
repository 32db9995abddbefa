package main

import (
	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/session"
	"sealwire/driver/internal/value"
	"sealwire/driver/internal/wire"
)

func sessionRun(in input) (value.Object, error) {
	e, err := session.New(in.text("role"), in.object("init"))
	if err != nil {
		return nil, err
	}
	steps, outcomes := value.Object{}, []any{}
	list, _ := in.List("steps")
	for _, v := range list {
		o, _ := v.(value.Object)
		steps = e.Step(input{o}.text("op"), stepIn(input{o}))
		outcomes = append(outcomes, steps)
	}
	result := value.Object{member("steps", outcomes)}
	for _, name := range []string{"error", "failed"} {
		failed, _ := steps.Object(name)
		if code, ok := failed.Text("error"); ok {
			step, _ := failed.Text("step")
			return result, &fault.Fault{Code: code, Step: step, Scope: fault.Session}
		}
	}
	return result, nil
}

func stepIn(in input) session.Step {
	content, _ := in.Get("data")
	s := session.Step{
		Protocol: in.text("protocol"), Top: in.text("top"), Data: data(content), Jti: in.text("idempotent"), Seconds: in.number("seconds", 0),
		At: in.text("at"), By: in.object("by"), Resume: in.optional("resume"), Conn: in.optional("conn"),
	}
	if in.Has("upgradeToken") {
		upgrade := in.text("upgradeToken")
		s.Upgrade = &upgrade
	}
	calls, _ := in.List("calls")
	for _, v := range calls {
		o, _ := v.(value.Object)
		s.Calls = append(s.Calls, session.Call{Op: input{o}.text("op"), Step: stepIn(input{o})})
	}
	if in.Has("message") {
		s.Messages = []wire.Message{in.message("message")}
	}
	list, _ := in.List("messages")
	for _, v := range list {
		s.Messages = append(s.Messages, input{value.Object{member("message", v)}}.message("message"))
	}
	if v, ok := in.Get("ttl"); ok {
		ttl, _ := value.Float(v)
		s.TTL = &ttl
	}
	return s
}
