//! Which route of which contract a path belongs to.

use std::collections::HashMap;

use daemun_contract::{Method, Route, Segment};

use crate::mounted::Mounted;

/// Every route of every mounted contract, by path.
pub(crate) struct Table {
    literal: HashMap<Box<str>, Vec<Entry>>,
    patterns: Vec<(daemun_contract::PathPattern, Entry)>,
}

/// A route, by its place in its contract.
#[derive(Clone, Copy)]
struct Entry {
    method: Method,
    contract: usize,
    route: usize,
}

/// The routes a path has.
pub(crate) struct Hit<'t> {
    pub(crate) mounted: &'t Mounted,
    routes: Vec<(Method, &'t Route)>,
    pub(crate) params: Vec<(&'t str, &'t str)>,
}

impl Table {
    pub(crate) fn new(mounted: &[Mounted]) -> Self {
        let mut table = Self {
            literal: HashMap::new(),
            patterns: Vec::new(),
        };
        for (contract, mount) in mounted.iter().enumerate() {
            for (route, made) in mount.contract.routes.iter().enumerate() {
                let entry = Entry {
                    method: made.method,
                    contract,
                    route,
                };
                for path in made.paths() {
                    table.insert(path, entry);
                }
            }
        }
        table
    }

    fn insert(&mut self, path: &daemun_contract::PathPattern, entry: Entry) {
        if path
            .segments()
            .iter()
            .all(|segment| matches!(segment, Segment::Literal(_)))
        {
            self.literal
                .entry(without_slash(path.as_str()).into())
                .or_default()
                .push(entry);
        } else {
            self.patterns.push((path.clone(), entry));
        }
    }

    /// What `path` leads to, with or without its trailing slash.
    pub(crate) fn find<'t>(&'t self, mounted: &'t [Mounted], path: &'t str) -> Option<Hit<'t>> {
        let mut hit: Option<Hit<'t>> = None;
        for entry in self.literal.get(without_slash(path)).into_iter().flatten() {
            add(&mut hit, mounted, *entry, Vec::new());
        }
        if hit.is_none() {
            for (pattern, entry) in &self.patterns {
                if let Some(params) = pattern.matches(path) {
                    add(&mut hit, mounted, *entry, params);
                }
            }
        }
        hit
    }
}

fn add<'t>(
    hit: &mut Option<Hit<'t>>,
    mounted: &'t [Mounted],
    entry: Entry,
    params: Vec<(&'t str, &'t str)>,
) {
    let Some(mount) = mounted.get(entry.contract) else {
        return;
    };
    let Some(route) = mount.contract.routes.get(entry.route) else {
        return;
    };
    if let Some(hit) = hit {
        hit.routes.push((entry.method, route));
        return;
    }
    *hit = Some(Hit {
        mounted: mount,
        routes: vec![(entry.method, route)],
        params,
    });
}

fn without_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    }
}

impl<'t> Hit<'t> {
    /// The route for that method; `HEAD` is answered as `GET`.
    pub(crate) fn route(&self, method: &str) -> Option<&'t Route> {
        let wanted = if method == "HEAD" { "GET" } else { method };
        self.routes
            .iter()
            .find(|(has, _)| has.name() == wanted)
            .map(|(_, route)| *route)
    }

    /// Any of the path's routes: the contract's words for a method there is none for.
    pub(crate) fn any(&self) -> Option<&'t Route> {
        self.routes.first().map(|(_, route)| *route)
    }

    /// The methods the path has, for `Allow` (RFC 9110 §10.2.1).
    pub(crate) fn allow(&self) -> String {
        let mut methods: Vec<&str> = self
            .routes
            .iter()
            .map(|(method, _)| method.name())
            .collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}
