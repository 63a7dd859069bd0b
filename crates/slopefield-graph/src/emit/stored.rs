//! Where the elements of a tensor are while a plan is being made.

use crate::plan::{Ref, Value};

/// Some consecutive elements.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// In a buffer.
    Run(Ref, u32),
    /// As scalar values.
    Values(Vec<Value>),
    /// Known numbers.
    Numbers(Vec<f64>),
    /// Already where they go: their only user has nothing left to do.
    Delivered(u32),
}

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element {
    At(Ref),
    Value(Value),
    Number(f64),
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        match self {
            Piece::Run(_, len) => *len as usize,
            Piece::Values(values) => values.len(),
            Piece::Numbers(numbers) => numbers.len(),
            Piece::Delivered(len) => *len as usize,
        }
    }

    fn element(&self, index: usize) -> Element {
        match self {
            Piece::Run(at, _) => Element::At(at.plus(index as u32)),
            Piece::Values(values) => Element::Value(values[index]),
            Piece::Numbers(numbers) => Element::Number(numbers[index]),
            Piece::Delivered(_) => unreachable!("only the result itself is left to read this"),
        }
    }

    fn slice(&self, start: usize, end: usize) -> Piece {
        match self {
            Piece::Run(at, _) => Piece::Run(at.plus(start as u32), (end - start) as u32),
            Piece::Values(values) => Piece::Values(values[start..end].to_vec()),
            Piece::Numbers(numbers) => Piece::Numbers(numbers[start..end].to_vec()),
            Piece::Delivered(_) => Piece::Delivered((end - start) as u32),
        }
    }
}

/// A tensor as pieces, and as one run once it has been made into one.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) pieces: Vec<Piece>,
    /// First element of each piece.
    starts: Vec<usize>,
    pub(super) placed: Option<Ref>,
}

impl Stored {
    pub(super) fn of(piece: Piece) -> Self {
        Self::join([piece])
    }

    pub(super) fn run(at: Ref, len: u32) -> Self {
        Self::of(Piece::Run(at, len))
    }

    pub(super) fn join(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: Vec<Piece> = pieces.into_iter().filter(|p| p.len() > 0).collect();
        let starts = pieces
            .iter()
            .scan(0, |next, piece| {
                let start = *next;
                *next += piece.len();
                Some(start)
            })
            .collect();
        Stored { pieces, starts, placed: None }
    }

    /// Whether all elements are values or numbers, so that scalar code is the natural way on.
    pub(super) fn is_scalar(&self) -> bool {
        self.pieces.iter().all(|p| matches!(p, Piece::Values(_) | Piece::Numbers(_)))
            && self.pieces.iter().any(|p| matches!(p, Piece::Values(_)))
    }

    /// The number that all elements are, when it is known.
    pub(super) fn same_number(&self) -> Option<f64> {
        let mut found: Option<f64> = None;
        for piece in &self.pieces {
            let Piece::Numbers(numbers) = piece else { return None };
            for number in numbers {
                if found.is_some_and(|f| f.to_bits() != number.to_bits()) {
                    return None;
                }
                found = Some(*number);
            }
        }
        found
    }

    /// The run that holds all elements, when there is one.
    pub(super) fn place(&self) -> Option<Ref> {
        match self.pieces.as_slice() {
            [Piece::Run(at, _)] => Some(*at),
            _ => self.placed,
        }
    }

    pub(super) fn element(&self, index: usize) -> Element {
        let piece = self.starts.partition_point(|start| *start <= index) - 1;
        self.pieces[piece].element(index - self.starts[piece])
    }

    pub(super) fn slice(&self, start: u32, len: u32) -> Stored {
        let (start, end) = (start as usize, start as usize + len as usize);
        Self::join(self.pieces.iter().zip(&self.starts).filter_map(|(piece, first)| {
            let from = start.max(*first);
            let to = end.min(first + piece.len());
            (from < to).then(|| piece.slice(from - first, to - first))
        }))
    }
}
