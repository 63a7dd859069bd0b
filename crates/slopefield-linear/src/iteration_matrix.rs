//! The matrix of the linear systems of implicit methods.

use crate::dense::DenseLu;
use crate::small::{self, SmallLu};
use crate::sparse::{Refactored, SparseLu};
use crate::{Field, Jacobian, Mass, Pattern};

/// A matrix without inverse, to working precision, or with entries that are not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Singular {
    /// Column whose pivot was missing.
    pub column: usize,
}

/// How a matrix is stored and factored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixStorage {
    /// Dense, without blocks.
    Small,
    /// Dense, in blocks.
    Dense,
    /// Sparse.
    Sparse,
}

/// `W = a M − b J` with a mass matrix and a Jacobian, factored. The numbers are real, or complex
/// for methods whose stage systems decouple into complex ones.
///
/// Storage is chosen once for a pair of patterns. Factoring and solving allocate nothing, but for
/// the first factorisation of a sparse matrix, and for a later one whose pivots have to be chosen
/// anew and fill in more than three times as much as the first.
#[derive(Default)]
pub struct IterationMatrix<E: Field> {
    n: usize,
    lu: Lu<E>,
    /// What the storage was chosen for.
    jacobian: Option<Pattern>,
    mass: Option<Pattern>,
    prepared: bool,
    /// Pattern of the whole, for [`Lu::Sparse`].
    pattern: Pattern,
    entries: Vec<E>,
    /// For each entry of the Jacobian (of the mass matrix), where it is in `pattern`; for dense
    /// storage where it is in the matrix.
    jacobian_entries: Vec<u32>,
    mass_entries: Vec<u32>,
    /// For each, where it is in the storage.
    jacobian_places: Vec<u32>,
    mass_places: Vec<u32>,
}

#[derive(Default)]
enum Lu<E: Field> {
    #[default]
    None,
    Small(SmallLu<E>),
    Dense(Box<DenseLu<E>>),
    Sparse(Box<SparseLu<E>>),
}

/// A sparse factorisation pays when fewer than one in so many entries of a larger matrix is there,
const SPARSE_FROM: usize = 5;
/// and for a small one, where few instructions matter most.
const SPARSE_FROM_SMALL: usize = 2;
/// Below this size loops without a list are fastest whatever the pattern.
const SMALLEST_SPARSE: usize = 5;

impl<E: Field> IterationMatrix<E> {
    /// Of size 0, before [`IterationMatrix::prepare`].
    pub fn new() -> Self {
        IterationMatrix::default()
    }

    /// Chooses the storage for a Jacobian and a mass matrix of these patterns; nothing is done
    /// when they are those of the last time.
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn prepare(&mut self, jacobian: &Jacobian<E::Part>, mass: &Mass<E::Part>) {
        let n = jacobian.size();
        assert_eq!(n, mass.size(), "a Jacobian and a mass matrix of one system");
        let same = self.prepared
            && self.n == n
            && self.jacobian.as_ref() == jacobian.pattern()
            && self.mass.as_ref() == mass.pattern();
        if same {
            return;
        }
        self.prepared = true;
        self.n = n;
        self.jacobian = jacobian.pattern().cloned();
        self.mass = mass.pattern().cloned();
        let diagonal = Pattern::diagonal(n);
        let mass_pattern = mass.pattern().unwrap_or(&diagonal);
        if let Some(jacobian) = jacobian.pattern() {
            let whole = jacobian.union(mass_pattern);
            let part = if n <= small::LARGEST { SPARSE_FROM_SMALL } else { SPARSE_FROM };
            if n >= SMALLEST_SPARSE && whole.len() * part <= n * n {
                self.lu = Lu::Sparse(Box::new(SparseLu::new(&whole)));
                self.jacobian_entries = places(jacobian, |i, j| whole.index(i, j));
                self.mass_entries = places(mass_pattern, |i, j| whole.index(i, j));
                self.jacobian_places.clear();
                self.mass_places.clear();
                self.entries.resize(whole.len(), E::NOTHING);
                self.pattern = whole;
                return;
            }
        }
        self.lu = if n <= small::LARGEST {
            let mut lu = SmallLu::default();
            lu.resize(n);
            Lu::Small(lu)
        } else {
            Lu::Dense(Box::new(DenseLu::new(n)))
        };
        let dense = |i: u32, j: usize| Some(j * n + i as usize);
        self.jacobian_places = jacobian.pattern().map_or(Vec::new(), |p| places(p, dense));
        self.mass_places = places(mass_pattern, dense);
    }

    /// Number of rows and columns.
    pub fn size(&self) -> usize {
        self.n
    }

    /// How the matrix is stored.
    pub fn storage(&self) -> MatrixStorage {
        match self.lu {
            Lu::None | Lu::Small(_) => MatrixStorage::Small,
            Lu::Dense(_) => MatrixStorage::Dense,
            Lu::Sparse(_) => MatrixStorage::Sparse,
        }
    }

    /// Makes and factors `W = a M − b J`. After an error the matrix must not be solved with.
    ///
    /// # Errors
    /// [`Singular`]: a pivot is 0, not finite, or nothing but rounding errors.
    pub fn factor(
        &mut self,
        a: E,
        b: E,
        jacobian: &Jacobian<E::Part>,
        mass: &Mass<E::Part>,
    ) -> Result<(), Singular> {
        let whole = Parts { a, b, jacobian: jacobian.values(), mass: mass_values(mass) };
        match &mut self.lu {
            Lu::None => Ok(()),
            Lu::Small(lu) => {
                whole.fill(&mut lu.values, &self.jacobian_places, &self.mass_places);
                lu.factor()
            }
            Lu::Dense(lu) => {
                whole.fill(&mut lu.values, &self.jacobian_places, &self.mass_places);
                lu.factor()
            }
            Lu::Sparse(lu) => {
                if lu.is_ready() {
                    whole.fill(&mut lu.values, &self.jacobian_places, &self.mass_places);
                    if lu.refactor(false) == Refactored::Done {
                        return Ok(());
                    }
                }
                whole.fill(&mut self.entries, &self.jacobian_entries, &self.mass_entries);
                let doubtful = lu.choose_pivots(&self.pattern, &self.entries)?;
                let through = |entries: &[u32], places: &mut Vec<u32>| {
                    places.clear();
                    places.extend(entries.iter().map(|entry| lu.places()[*entry as usize]));
                };
                through(&self.jacobian_entries, &mut self.jacobian_places);
                through(&self.mass_entries, &mut self.mass_places);
                whole.fill(&mut lu.values, &self.jacobian_places, &self.mass_places);
                // Pivots just chosen are not looked at again.
                lu.refactor(true);
                match doubtful {
                    Some(column) if !lu.is_regular(&self.pattern, &self.entries) => {
                        Err(Singular { column })
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Replaces `x` by `W⁻¹ x`.
    #[inline]
    pub fn solve(&mut self, x: &mut [E]) {
        match &mut self.lu {
            Lu::None => {}
            Lu::Small(lu) => lu.solve(x),
            Lu::Dense(lu) => lu.solve(x),
            Lu::Sparse(lu) => lu.solve(x),
        }
    }

    /// Replaces `x` by `W⁻ᵀ x` (the transpose, without conjugation).
    pub fn solve_transposed(&mut self, x: &mut [E]) {
        match &mut self.lu {
            Lu::None => {}
            Lu::Small(lu) => lu.solve_transposed(x),
            Lu::Dense(lu) => lu.solve_transposed(x),
            Lu::Sparse(lu) => lu.solve_transposed(x),
        }
    }

    /// Multiplications of a factorisation, once there has been one.
    pub fn operations(&self) -> usize {
        match &self.lu {
            Lu::Sparse(lu) => lu.operations(),
            _ => self.n * self.n * self.n / 3,
        }
    }
}

fn places(pattern: &Pattern, place: impl Fn(u32, usize) -> Option<usize>) -> Vec<u32> {
    (0..pattern.width())
        .flat_map(|j| pattern.column(j).iter().map(move |i| (*i, j)))
        .map(|(i, j)| place(i, j).map_or(0, |at| at as u32))
        .collect()
}

fn mass_values<T: crate::Real>(mass: &Mass<T>) -> Option<&[T]> {
    if mass.is_identity() { None } else { Some(mass.values()) }
}

/// The parts of `a M − b J`.
struct Parts<'a, E: Field> {
    a: E,
    b: E,
    jacobian: &'a [E::Part],
    mass: Option<&'a [E::Part]>,
}

impl<E: Field> Parts<'_, E> {
    /// Writes the matrix to a storage, given where the entries go; without places for those of
    /// the Jacobian, they are all of them in order.
    #[inline]
    fn fill(&self, storage: &mut [E], jacobian_places: &[u32], mass_places: &[u32]) {
        if jacobian_places.is_empty() && self.jacobian.len() == storage.len() {
            for (entry, j) in storage.iter_mut().zip(self.jacobian) {
                *entry = -self.b.times(*j);
            }
        } else {
            storage.fill(E::NOTHING);
            for (place, j) in jacobian_places.iter().zip(self.jacobian) {
                storage[*place as usize] = -self.b.times(*j);
            }
        }
        match self.mass {
            None => {
                for place in mass_places {
                    storage[*place as usize] += self.a;
                }
            }
            Some(values) => {
                for (place, m) in mass_places.iter().zip(values) {
                    storage[*place as usize] += self.a.times(*m);
                }
            }
        }
    }
}
