//! Tables: what `kubectl get` asks for, so that the server decides what is worth a column.
//!
//! `built_in` has the columns of the built-in kinds, `custom` those of definitions (by the paths of `jsonpath`), `age` how
//! long ago a time was. Here a table is put together.

mod age;
mod built_in;
mod custom;
mod jsonpath;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::object::{Stored, View, append_json};
use crate::request::{Query, Target};
use crate::resource::Strategy;
use crate::status::{Answer, Failure};

pub(crate) use custom::{Column as CustomColumn, columns as custom_columns};

/// One column's heading.
pub(crate) struct Heading {
    name: String,
    kind: String,
    format: String,
    description: String,
    /// 0 is always shown, more with `-o wide`.
    priority: i64,
}

/// What a row carries of its object.
enum Include {
    Nothing,
    Metadata,
    Whole,
}

/// How the objects of a resource become rows.
pub(crate) struct Layout {
    api_version: String,
    headings: Vec<Heading>,
    cells: Cells,
    include: Include,
    view: View,
}

enum Cells {
    BuiltIn(built_in::Cells),
    Custom(Vec<CustomColumn>),
}

impl Layout {
    /// The table that a request asks for, in version `version` of `meta.k8s.io`.
    pub(crate) fn new(target: &Target, query: &Query, version: &str) -> Answer<Self> {
        let include = match query.text("includeObject") {
            "None" => Include::Nothing,
            "" | "Metadata" => Include::Metadata,
            "Object" => Include::Whole,
            other => {
                return Err(Failure::bad_request(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', \
                     'Object', 'None', or empty"
                )));
            }
        };
        let view = match include {
            Include::Whole => View::full(&target.api_version(), &target.resource.kind),
            Include::Nothing | Include::Metadata => View::partial(),
        };
        let (headings, cells) = if target.resource.strategy == Strategy::Custom {
            let columns = target.resource.served_version(&target.version).map(|version| version.columns.clone());
            let columns = columns.unwrap_or_default();
            let mut headings = vec![name_heading(0)];
            headings.extend(columns.iter().map(CustomColumn::heading));
            (headings, Cells::Custom(columns))
        } else {
            let layout = built_in::layout(&target.resource.plural);
            (layout.0, Cells::BuiltIn(layout.1))
        };
        Ok(Self { api_version: format!("meta.k8s.io/{version}"), headings, cells, include, view })
    }

    /// The whole table. Lists have a resource version, and where the next page begins; `headings` are left out of all but
    /// the first event of a watch.
    pub(crate) fn append<'a>(
        &self,
        metadata: &Value,
        headings: bool,
        objects: impl Iterator<Item = &'a Stored>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(View::full(&self.api_version, "Table").head().as_bytes());
        out.extend_from_slice(b"\"metadata\":");
        append_json(out, metadata);
        out.extend_from_slice(b",\"columnDefinitions\":");
        let headings: Vec<Value> = self.headings.iter().filter(|_| headings).map(Heading::to_value).collect();
        append_json(out, &if headings.is_empty() { Value::Null } else { Value::Array(headings) });
        out.extend_from_slice(b",\"rows\":[");
        let now = Timestamp::now();
        for (index, object) in objects.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"cells\":");
            append_json(out, &Value::Array(self.cells(object, now)));
            out.extend_from_slice(b",\"object\":");
            match self.include {
                Include::Nothing => out.extend_from_slice(b"null"),
                Include::Metadata | Include::Whole => self.view.append(object, out),
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }

    fn cells(&self, object: &Stored, now: Timestamp) -> Vec<Value> {
        let content = object.thaw();
        match &self.cells {
            Cells::BuiltIn(cells) => cells(&content, now),
            Cells::Custom(columns) => {
                let mut cells = vec![json!(&*object.key.name)];
                let content = Value::Object(content);
                cells.extend(columns.iter().map(|column| column.cell(&content, now)));
                cells
            }
        }
    }
}

impl Heading {
    fn to_value(&self) -> Value {
        json!({
            "name": self.name, "type": self.kind, "format": self.format,
            "description": self.description, "priority": self.priority,
        })
    }
}

fn name_heading(priority: i64) -> Heading {
    Heading {
        name: "Name".to_owned(),
        kind: "string".to_owned(),
        format: "name".to_owned(),
        description: "The object's name.".to_owned(),
        priority,
    }
}
