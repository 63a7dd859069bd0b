//! Short forms of the ops that the built-in kinds record most.

use super::{NetworkBuilder, NetworkError, NodeId, limits};

type Recorded = Result<NodeId, NetworkError>;

impl NetworkBuilder {
    /// An op of one tensor without attributes.
    pub(crate) fn map(&mut self, op: &str, x: NodeId) -> Recorded {
        self.op(op, &[x], &[])
    }

    pub(crate) fn add(&mut self, a: NodeId, b: NodeId) -> Recorded {
        self.op("add", &[a, b], &[])
    }

    pub(crate) fn sub(&mut self, a: NodeId, b: NodeId) -> Recorded {
        self.op("sub", &[a, b], &[])
    }

    pub(crate) fn mul(&mut self, a: NodeId, b: NodeId) -> Recorded {
        self.op("mul", &[a, b], &[])
    }

    pub(crate) fn div(&mut self, a: NodeId, b: NodeId) -> Recorded {
        self.op("div", &[a, b], &[])
    }

    pub(crate) fn matvec(&mut self, a: NodeId, x: NodeId) -> Recorded {
        self.op("matvec", &[a, x], &[])
    }

    /// One number, which repeats to the shape of what it meets.
    pub(crate) fn number(&mut self, value: f64) -> Recorded {
        self.constant(&[1], &[value])
    }

    /// `factor · x`; nothing is recorded for a factor of 1.
    pub(crate) fn scaled(&mut self, x: NodeId, factor: f64) -> Recorded {
        if factor == 1.0 {
            return Ok(x);
        }
        let factor = self.number(factor)?;
        self.mul(x, factor)
    }

    /// `x + by`; nothing is recorded for 0.
    pub(crate) fn shifted(&mut self, x: NodeId, by: f64) -> Recorded {
        if by == 0.0 {
            return Ok(x);
        }
        let by = self.number(by)?;
        self.add(x, by)
    }

    /// `x` held between two numbers. The derivative is 1 at the bounds themselves.
    pub(crate) fn clamped(&mut self, x: NodeId, low: f64, high: f64) -> Recorded {
        let (low, high) = (self.number(low)?, self.number(high)?);
        let above = self.op("max", &[x, low], &[])?;
        self.op("min", &[above, high], &[])
    }

    /// Part of a vector; the vector itself when that is all of it.
    pub(crate) fn part(&mut self, x: NodeId, start: u32, len: u32) -> Recorded {
        if start == 0 && self.elements(x) == len {
            return Ok(x);
        }
        self.op("slice", &[x], &[("start", &[i64::from(start)]), ("len", &[i64::from(len)])])
    }

    /// Some elements of a vector, by position, in the order given.
    pub(crate) fn chosen(&mut self, x: NodeId, positions: &[u32]) -> Recorded {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for position in positions {
            match runs.last_mut() {
                Some((start, len)) if *start + *len == *position => *len += 1,
                _ => runs.push((*position, 1)),
            }
        }
        let parts = runs
            .into_iter()
            .map(|(start, len)| self.part(x, start, len))
            .collect::<Result<Vec<_>, _>>()?;
        self.joined(&parts)
    }

    /// Vectors one after the other, however many there are.
    pub(crate) fn joined(&mut self, parts: &[NodeId]) -> Recorded {
        match parts {
            [one] => Ok(*one),
            _ if parts.len() <= limits::OPERANDS => self.op("concat", parts, &[]),
            _ => {
                let groups = parts
                    .chunks(limits::OPERANDS)
                    .map(|group| self.joined(group))
                    .collect::<Result<Vec<_>, _>>()?;
                self.joined(&groups)
            }
        }
    }

    pub(crate) fn reshaped(&mut self, x: NodeId, dims: &[u32]) -> Recorded {
        let dims: Vec<i64> = dims.iter().map(|n| i64::from(*n)).collect();
        self.op("reshape", &[x], &[("dims", &dims)])
    }

    /// Number of elements of a node.
    pub(crate) fn elements(&self, x: NodeId) -> u32 {
        self.shape(x).map_or(0, |sizes| sizes.iter().product())
    }
}
