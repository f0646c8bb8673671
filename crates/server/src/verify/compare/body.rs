//! JSON against a shape: every member, in its order, of its type.

use daemun_contract::{Json, Pattern, Shape};
use daemun_engine::vocabulary::Slot;

use super::{Comparison, holes, quoted, shown};

impl Comparison<'_> {
    pub(super) fn json(&mut self, at: &str, value: &Json, shape: &Shape) {
        match (shape, value) {
            (Shape::Hole(slot), value) => self.hole(at, *slot, value),
            (Shape::Fixed(fixed), value) if fixed == value => {}
            (Shape::Text(pattern), Json::String(text)) => self.text(at, text, pattern),
            (Shape::Array(shapes), Json::Array(items)) => self.array(at, items, shapes),
            (Shape::Object(shapes), Json::Object(members)) => self.object(at, members, shapes),
            (shape, value) => self.differs(at, shown(value), shown_shape(shape)),
        }
    }

    fn array(&mut self, at: &str, items: &[Json], shapes: &[Shape]) {
        if items.len() != shapes.len() {
            let count = |many: usize| format!("{many} items");
            self.differs(at, count(items.len()), count(shapes.len()));
        }
        for (nth, (item, shape)) in items.iter().zip(shapes).enumerate() {
            self.json(&format!("{at}[{nth}]"), item, shape);
        }
    }

    fn object(&mut self, at: &str, members: &[(String, Json)], shapes: &[(Pattern, Shape)]) {
        // Where each expected member stands.
        let mut places = Vec::new();
        for (name, shape) in shapes {
            let name = self.filled(name);
            let place = members
                .iter()
                .position(|(member, _)| name.captures(member).is_some());
            match place.and_then(|place| Some((place, members.get(place)?))) {
                Some((place, (member, value))) => {
                    places.push(place);
                    self.json(&format!("{at}.{member}"), value, shape);
                }
                None => self.differs(at, format!("no member \"{name}\""), ""),
            }
        }
        for (nth, (member, _)) in members.iter().enumerate() {
            if !places.contains(&nth) {
                let is = format!("a member \"{member}\", which the contract has not");
                self.differs(at, is, "");
            }
        }
        if !places.is_sorted() {
            self.order(at, members, &places);
        }
    }

    /// The same members in another order: front ends that show them as they come, or that compare
    /// texts, see it.
    fn order(&mut self, at: &str, members: &[(String, Json)], places: &[usize]) {
        let names = |places: &[usize]| {
            let names = places.iter().filter_map(|place| members.get(*place));
            names
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut sent = places.to_vec();
        sent.sort_unstable();
        let is = format!("members in the order {}", names(&sent));
        self.differs(at, is, names(places));
    }

    /// A pattern with what is known in its holes.
    pub(super) fn filled(&self, name: &Pattern) -> Pattern {
        use daemun_contract::PatternPart as Part;
        let known = |slot: &Slot| {
            let mut slots = self.known.slots.iter();
            slots.find(|(known, _)| known == slot)
        };
        let parts = name.0.iter().map(|part| match part {
            Part::Hole(slot) => {
                known(slot).map_or_else(|| part.clone(), |(_, value)| Part::Text(value.clone()))
            }
            Part::Text(_) => part.clone(),
        });
        Pattern(parts.collect())
    }
}

fn shown_shape(shape: &Shape) -> String {
    match shape {
        Shape::Hole(slot) => format!("{{{{{}}}}}", slot.name()),
        Shape::Text(pattern) => quoted(&pattern.to_string()),
        Shape::Fixed(value) => shown(value),
        Shape::Array(_) => holes::kind(&Json::Array(Vec::new())).into(),
        Shape::Object(_) => holes::kind(&Json::Object(Vec::new())).into(),
    }
}
