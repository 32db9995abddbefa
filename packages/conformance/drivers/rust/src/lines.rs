//! Claims as results in the lines of the driver.

use crate::claims::{Application, Standalone};
use crate::control::Control;
use crate::value::{Value, object};

impl Application {
    pub fn to_line(&self) -> Value {
        let items = self.items.iter().map(|item| {
            object([
                ("top", Some(Value::str(&item.top))),
                ("ref", Some(item.reference.clone().unwrap_or(Value::Null))),
                ("req", Some(Value::Bool(item.req))),
                ("data", Some(item.data.clone())),
            ])
        });
        object([
            ("seq", Some(Value::int(self.seq))),
            ("jti", self.jti.as_ref().map(Value::str)),
            ("iat", self.iat.map(Value::int)),
            ("exp", Some(Value::int(self.exp))),
            ("iss", self.iss.as_ref().map(Value::str)),
            ("aud", self.aud.as_ref().map(Value::str)),
            ("bnd", self.bnd.as_ref().map(Value::str)),
            ("items", Some(Value::Arr(items.collect()))),
        ])
    }
}

impl Control {
    pub fn to_line(&self) -> Value {
        let mut members = vec![("seq", Value::int(self.seq)), ("top", Value::str(&self.top))];
        members.extend(self.rcv.map(|rcv| ("rcv", Value::int(rcv))));
        members.extend(self.row.iter().cloned());
        Value::Obj(members.into_iter().map(|(name, v)| (name.to_string(), v)).collect())
    }
}

impl Standalone {
    pub fn to_line(&self) -> Value {
        object([
            ("iss", Some(Value::str(&self.iss))),
            ("aud", Some(Value::str(&self.aud))),
            ("jti", Some(Value::str(&self.jti))),
            ("iat", Some(Value::int(self.iat))),
            ("exp", Some(Value::int(self.exp))),
            ("top", Some(Value::str(&self.top))),
            ("ref", self.reference.as_ref().map(Value::str)),
            ("data", Some(self.data.clone())),
        ])
    }
}
