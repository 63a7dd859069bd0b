//! The machine code of loops over lanes: AVX-512 or AVX2 instructions on vectors of doubles.
//!
//! Encodings follow Intel's *Software Developer's Manual*, volume 2, sections 2.3 (VEX) and 2.7
//! (EVEX). Displacements are always four bytes long, so that no compressed form is needed.

/// A general register by its number in the machine.
pub(super) type Gpr = u8;
/// A vector register by its number in the machine.
pub(super) type Reg = u8;

/// Register that holds the byte offset of the first lane of the vector in work (rsi).
const INDEX: Gpr = 6;
/// Register that holds the pointers to the streams' bases on entry (rdi).
const TABLE: Gpr = 7;
/// Register that holds the end of the offsets (rdx).
const END: Gpr = 2;

/// Registers for base pointers; those behind the first six belong to the caller.
const BASES: [Gpr; 12] = [0, 1, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15];
const FREE_BASES: usize = 6;

/// Most base pointers a loop can use.
pub(super) const MAX_BASES: usize = BASES.len();

/// An operand in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Memory {
    /// Which base pointer.
    pub base: u8,
    pub offset: i32,
    /// Whether the offset of the lanes is added.
    pub lanes: bool,
    /// One number for all lanes. In AVX2 only `broadcast` can read such an operand.
    pub uniform: bool,
}

/// The last operand of an instruction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operand {
    Reg(Reg),
    Memory(Memory),
}

/// Instructions `dst = op(a, b)` by their opcode in the map 0F with prefix 66.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Arithmetic {
    Add = 0x58,
    Mul = 0x59,
    Sub = 0x5c,
    Min = 0x5d,
    Div = 0x5e,
    Max = 0x5f,
}

/// Bitwise instructions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bitwise {
    And,
    Or,
    Xor,
}

/// Predicates of comparisons, quiet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Predicate {
    Equal = 0x00,
    /// True also where one is NaN.
    NotEqual = 0x04,
    Less = 0x11,
    LessEqual = 0x12,
}

/// What one instruction is made of, besides its operands.
#[derive(Clone, Copy)]
struct Code {
    /// 1: 0F, 2: 0F 38, 3: 0F 3A.
    map: u8,
    opcode: u8,
    /// Operation mask register, AVX-512 only; 0 for none.
    mask: u8,
    /// Whether lanes that are masked out become 0.
    zero: bool,
}

impl Code {
    const fn plain(opcode: u8) -> Self {
        Code { map: 1, opcode, mask: 0, zero: false }
    }
}

/// Writes one function `extern "sysv64" fn(bases: *const *mut f64, start: usize, end: usize)`, a loop
/// from byte offset `start` to `end`, both multiples of the vector length and `start < end`.
pub(super) struct Assembler {
    bytes: Vec<u8>,
    wide: bool,
    bases: Vec<u8>,
    start: usize,
}

impl Assembler {
    /// Begins a function on 512-bit vectors (`wide`) or 256-bit ones that uses the given bases, at
    /// most [`MAX_BASES`].
    pub(super) fn new(wide: bool, bases: &[u8]) -> Self {
        let mut a = Assembler { bytes: Vec::new(), wide, bases: bases.to_vec(), start: 0 };
        for &r in a.saved() {
            a.push_or_pop(0x50, r);
        }
        for (i, &base) in bases.iter().enumerate() {
            let r = BASES[i];
            // mov r, [rdi + 8 base]
            a.bytes.extend([0x48 | (r >> 3) << 2, 0x8b, 0x80 | (r & 7) << 3 | TABLE]);
            a.bytes.extend((i32::from(base) * 8).to_le_bytes());
        }
        a.start = a.bytes.len();
        a
    }

    /// Bytes of a vector.
    pub(super) fn vector_bytes(&self) -> u8 {
        if self.wide { 64 } else { 32 }
    }

    /// Number of vector registers.
    pub(super) fn registers(&self) -> u8 {
        if self.wide { 32 } else { 16 }
    }

    fn saved(&self) -> &'static [Gpr] {
        &BASES[FREE_BASES..self.bases.len().max(FREE_BASES)]
    }

    fn push_or_pop(&mut self, opcode: u8, r: Gpr) {
        if r >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(opcode | r & 7);
    }

    /// Ends the loop and the function, and gives its code.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // add rsi, bytes of a vector; cmp rsi, rdx; jb start; vzeroupper
        self.bytes.extend([0x48, 0x83, 0xc0 | INDEX, self.vector_bytes()]);
        self.bytes.extend([0x48, 0x39, 0xc0 | END << 3 | INDEX, 0x0f, 0x82]);
        let back = self.start as i64 - (self.bytes.len() as i64 + 4);
        self.bytes.extend((back as i32).to_le_bytes());
        self.bytes.extend([0xc5, 0xf8, 0x77]);
        for &r in self.saved().iter().rev() {
            self.push_or_pop(0x58, r);
        }
        self.bytes.push(0xc3);
        self.bytes
    }

    fn instruction(&mut self, code: Code, reg: Reg, second: Reg, last: Operand) {
        let (base, indexed, offset, broadcast, register) = match last {
            Operand::Reg(r) => (0, false, 0, false, Some(r)),
            Operand::Memory(m) => {
                let place = self.bases.iter().position(|&b| b == m.base);
                let base = BASES[place.expect("the function was begun with all its bases")];
                (base, m.lanes, m.offset, m.uniform, None)
            }
        };
        let bit = |value: u8, n: u8| value >> n & 1;
        // Both forms keep the high bits of register numbers inverted.
        let r = 1 ^ bit(reg, 3);
        let b = 1 ^ bit(register.unwrap_or(base), 3);
        if self.wide {
            let x = 1 ^ register.map_or(0, |r| bit(r, 4));
            self.bytes.push(0x62);
            self.bytes.push(r << 7 | x << 6 | b << 5 | (1 ^ bit(reg, 4)) << 4 | code.map);
            self.bytes.push(0x80 | (!second & 15) << 3 | 0x04 | 1);
            let broadcast = u8::from(broadcast && code.opcode != BROADCAST);
            self.bytes.push(
                u8::from(code.zero) << 7
                    | 2 << 5
                    | broadcast << 4
                    | (1 ^ bit(second, 4)) << 3
                    | code.mask,
            );
        } else {
            self.bytes.push(0xc4);
            self.bytes.push(r << 7 | 1 << 6 | b << 5 | code.map);
            self.bytes.push((!second & 15) << 3 | 1 << 2 | 1);
        }
        self.bytes.push(code.opcode);
        let reg = (reg & 7) << 3;
        match register {
            Some(r) => self.bytes.push(0xc0 | reg | r & 7),
            None => {
                if indexed || base & 7 == 4 {
                    // A register number of 4 means that a SIB byte follows; an index of 4, none.
                    let index = if indexed { INDEX } else { 4 };
                    self.bytes.extend([0x80 | reg | 4, index << 3 | base & 7]);
                } else {
                    self.bytes.push(0x80 | reg | base & 7);
                }
                self.bytes.extend(offset.to_le_bytes());
            }
        }
    }

    /// Reads a vector or, from a uniform operand, one number into all lanes.
    pub(super) fn load(&mut self, dst: Reg, from: Memory) {
        if from.uniform {
            let code = Code { map: 2, ..Code::plain(BROADCAST) };
            self.instruction(code, dst, 0, Operand::Memory(from));
        } else {
            self.instruction(Code::plain(0x10), dst, 0, Operand::Memory(from));
        }
    }

    /// Writes a vector.
    pub(super) fn store(&mut self, to: Memory, src: Reg) {
        self.instruction(Code::plain(0x11), src, 0, Operand::Memory(to));
    }

    /// `dst = op(a, b)`.
    pub(super) fn arithmetic(&mut self, op: Arithmetic, dst: Reg, a: Reg, b: Operand) {
        self.instruction(Code::plain(op as u8), dst, a, b);
    }

    /// `dst = √a`.
    pub(super) fn sqrt(&mut self, dst: Reg, a: Operand) {
        self.instruction(Code::plain(0x51), dst, 0, a);
    }

    /// `dst = op(a, b)` bit by bit.
    pub(super) fn bitwise(&mut self, op: Bitwise, dst: Reg, a: Reg, b: Operand) {
        // The forms for doubles need AVX-512 DQ, those for integers do not.
        let opcode = match (op, self.wide) {
            (Bitwise::And, true) => 0xdb,
            (Bitwise::Or, true) => 0xeb,
            (Bitwise::Xor, true) => 0xef,
            (Bitwise::And, false) => 0x54,
            (Bitwise::Or, false) => 0x56,
            (Bitwise::Xor, false) => 0x57,
        };
        self.instruction(Code::plain(opcode), dst, a, b);
    }

    /// Compares. In AVX-512 the result is the mask register 1 and `dst` is not touched; in AVX2 it is
    /// `dst`, all bits set or none.
    pub(super) fn compare(&mut self, dst: Reg, predicate: Predicate, a: Reg, b: Operand) {
        let dst = if self.wide { 1 } else { dst };
        self.instruction(Code::plain(0xc2), dst, a, b);
        self.bytes.push(predicate as u8);
    }

    /// AVX-512: `dst = mask 1 ? the number : 0`.
    pub(super) fn load_masked(&mut self, dst: Reg, from: Memory) {
        let code = Code { map: 2, opcode: BROADCAST, mask: 1, zero: true };
        self.instruction(code, dst, 0, Operand::Memory(from));
    }

    /// `dst = mask ? a : b` for the mask of the last comparison, which in AVX2 is the register
    /// `mask`.
    pub(super) fn blend(&mut self, dst: Reg, mask: Reg, a: Reg, b: Reg) {
        if self.wide {
            let code = Code { map: 2, opcode: 0x65, mask: 1, zero: false };
            self.instruction(code, dst, b, Operand::Reg(a));
        } else {
            let code = Code { map: 3, ..Code::plain(0x4b) };
            self.instruction(code, dst, b, Operand::Reg(a));
            self.bytes.push(mask << 4);
        }
    }
}

/// Opcode of the broadcast of one double, in the map 0F 38.
const BROADCAST: u8 = 0x19;

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(base: u8, lanes: bool, uniform: bool) -> Memory {
        Memory { base, offset: 0x40, lanes, uniform }
    }

    /// The bytes of the body of a loop.
    fn code(wide: bool, f: impl Fn(&mut Assembler)) -> Vec<u8> {
        let mut a = Assembler::new(wide, &[0, 1, 2]);
        let start = a.bytes.len();
        f(&mut a);
        a.bytes[start..].to_vec()
    }

    /// Against the encodings of GNU as 2.40.
    #[test]
    fn encodings_are_those_of_the_assembler() {
        let add = |d, a, b| move |asm: &mut Assembler| asm.arithmetic(Arithmetic::Add, d, a, b);
        // vaddpd zmm17, zmm9, zmm30
        let bytes = code(true, add(17, 9, Operand::Reg(30)));
        assert_eq!(bytes, [0x62, 0x81, 0xb5, 0x48, 0x58, 0xce]);
        // vaddpd zmm1, zmm18, [rcx + rsi + 0x40] with four bytes of displacement
        let bytes = code(true, add(1, 18, Operand::Memory(memory(1, true, false))));
        assert_eq!(bytes, [0x62, 0xf1, 0xed, 0x40, 0x58, 0x8c, 0x31, 0x40, 0, 0, 0]);
        // vaddpd zmm1, zmm2, qword ptr [r8 + 0x40]{1to8}
        let bytes = code(true, add(1, 2, Operand::Memory(memory(2, false, true))));
        assert_eq!(bytes, [0x62, 0xd1, 0xed, 0x58, 0x58, 0x88, 0x40, 0, 0, 0]);
        // vaddpd ymm1, ymm10, ymm12
        let bytes = code(false, add(1, 10, Operand::Reg(12)));
        assert_eq!(bytes, [0xc4, 0xc1, 0x2d, 0x58, 0xcc]);
        // vbroadcastsd zmm31, [rax + 0x40]
        let bytes = code(true, |a| a.load(31, memory(0, false, true)));
        assert_eq!(bytes, [0x62, 0x62, 0xfd, 0x48, 0x19, 0xb8, 0x40, 0, 0, 0]);
        // vblendvpd ymm1, ymm2, ymm3, ymm4
        let bytes = code(false, |a| a.blend(1, 4, 3, 2));
        assert_eq!(bytes, [0xc4, 0xe3, 0x6d, 0x4b, 0xcb, 0x40]);
        // vcmpltpd k1, zmm3, zmm20 (quiet)
        let bytes = code(true, |a| a.compare(9, Predicate::Less, 3, Operand::Reg(20)));
        assert_eq!(bytes, [0x62, 0xb1, 0xe5, 0x48, 0xc2, 0xcc, 0x11]);
    }
}
