//! Dollars, by service and by what they are for.

/// What money goes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each request and unit.
    Requests,
    /// What runs, used or not.
    Compute,
    /// What is kept.
    Storage,
    /// Bytes on their way within the region.
    Transfer,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Self; 4] =
        [Self::Requests, Self::Compute, Self::Storage, Self::Transfer];

    /// What it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Compute => "compute",
            Self::Storage => "storage",
            Self::Transfer => "transfer in the region",
        }
    }
}

/// Lines of a bill.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bill(Vec<(&'static str, Kind, f64)>);

impl Bill {
    /// Adds dollars to the line of a service.
    pub(crate) fn add(&mut self, service: &'static str, kind: Kind, dollars: f64) {
        let same = |line: &&mut (&str, Kind, f64)| (line.0, line.1) == (service, kind);
        match self.0.iter_mut().find(same) {
            Some(line) => line.2 += dollars,
            None => self.0.push((service, kind, dollars)),
        }
    }

    /// Adds the lines of another bill, so many times.
    pub(crate) fn add_all(&mut self, other: &Self, times: f64) {
        for (service, kind, dollars) in &other.0 {
            self.add(service, *kind, dollars * times);
        }
    }

    /// The services' dollars for one kind.
    pub(crate) fn of(&self, kind: Kind) -> f64 {
        self.sum(|line| line.1 == kind)
    }

    /// All kinds of one service.
    pub(crate) fn of_service(&self, service: &str) -> f64 {
        self.sum(|line| line.0 == service)
    }

    /// All of it.
    pub(crate) fn total(&self) -> f64 {
        self.sum(|_| true)
    }

    /// The services in the order in which they came.
    pub(crate) fn services(&self) -> Vec<&'static str> {
        let mut services = Vec::new();
        for (service, ..) in &self.0 {
            if !services.contains(service) {
                services.push(*service);
            }
        }
        services
    }

    fn sum(&self, wanted: impl Fn(&(&'static str, Kind, f64)) -> bool) -> f64 {
        let lines = self.0.iter().filter(|line| wanted(line));
        lines.map(|(.., dollars)| dollars).sum()
    }
}
