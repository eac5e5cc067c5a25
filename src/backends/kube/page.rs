//! One page of a list, shown object by object as it is parsed: of five hundred pods one at a time is a tree in memory, and
//! managed fields, which are most of it, only where they are wanted.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What a page says of the list. Source: `ListMeta` of `meta/v1`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Page {
    /// `metadata.resourceVersion`.
    pub resource_version: Option<String>,
    /// `metadata.continue`: how the next page is asked for.
    pub r#continue: Option<String>,
}

/// What objects are shown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Managed {
    /// With their `metadata.managedFields`.
    Kept,
    /// Without.
    LeftOut,
}

/// Reads the body of an answer and shows each object of it.
pub(super) fn read(body: &str, managed: Managed, show: &mut dyn FnMut(Value)) -> serde_json::Result<Page> {
    let mut json = serde_json::Deserializer::from_str(body);
    let page = List { managed, show }.deserialize(&mut json)?;
    json.end()?;
    Ok(page)
}

struct List<'a> {
    managed: Managed,
    show: &'a mut dyn FnMut(Value),
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Page, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let mut page = Page::default();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match key.as_ref() {
                "metadata" => page = map.next_value()?,
                "items" => map.next_value_seed(Items { managed: self.managed, show: &mut *self.show })?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(page)
    }
}

struct Items<'a> {
    managed: Managed,
    show: &'a mut dyn FnMut(Value),
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let object = match self.managed {
            Managed::Kept => Fields(&[]),
            Managed::LeftOut => Fields(&["metadata", "managedFields"]),
        };
        while let Some(object) = items.next_element_seed(object)? {
            (self.show)(object);
        }
        Ok(())
    }

    /// Some servers write `null` for no objects.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A value without what this way leads to; all of it where the way is empty.
#[derive(Clone, Copy)]
struct Fields(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if self.0.is_empty() { Value::deserialize(from) } else { from.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match self.0 {
                [without] if key == *without => _ = map.next_value::<IgnoredAny>()?,
                [first, rest @ ..] if key == *first => _ = fields.insert(key, map.next_value_seed(Fields(rest))?),
                _ => _ = fields.insert(key, map.next_value()?),
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> (serde_json::Result<Page>, Vec<Value>) {
        let mut objects = Vec::new();
        let page = read(body, Managed::LeftOut, &mut |object| objects.push(object));
        (page, objects)
    }

    #[test]
    fn each_object_of_a_page_is_shown_in_its_order_wherever_the_metadata_stands() {
        let meta = r#""metadata":{"resourceVersion":"7","continue":"more","remainingItemCount":3}"#;
        let items = r#""items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"},"spec":{}}]"#;
        for body in [
            format!(r#"{{"kind":"PodList","apiVersion":"v1",{meta},{items}}}"#),
            format!(r#"{{{items},{meta},"kind":"PodList"}}"#),
        ] {
            let (page, objects) = shown(&body);
            let is = Page { resource_version: Some("7".to_owned()), r#continue: Some("more".to_owned()) };
            assert_eq!(page.unwrap(), is);
            let names: Vec<_> = objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["a", "b"]);
        }
    }

    #[test]
    fn no_objects_are_no_fault_and_half_a_page_is_one() {
        assert!(shown(r#"{"metadata":{},"items":null}"#).0.is_ok());
        assert!(shown(r#"{"metadata":{},"items":[]}"#).0.is_ok());
        assert!(shown(r#"{"metadata":{},"items":[{"#).0.is_err());
        assert!(shown(r#"{"metadata":{},"items":"none"}"#).0.is_err());
        assert!(shown(r#"{"metadata":{}} and more"#).0.is_err());
    }

    #[test]
    fn managed_fields_are_left_out_where_they_are_not_wanted_and_nothing_else_is() {
        let whole = serde_json::json!({"metadata": {"name": "a", "managedFields": [{"manager": "b"}]},
            "spec": {"managedFields": 1, "metadata": {"managedFields": [2]}}, "managedFields": null});
        let body = serde_json::json!({"items": [whole]}).to_string();
        let mut kept = Vec::new();
        read(&body, Managed::Kept, &mut |object| kept.push(object)).unwrap();
        assert_eq!(kept.first(), Some(&whole));
        let mut less = whole;
        less["metadata"].as_object_mut().unwrap().remove("managedFields");
        assert_eq!(shown(&body).1, [less]);
    }
}
