! The classical Runge-Kutta method with steps of one length, in Fortran 2018 over ISO_C_BINDING. The
! types mirror slopefield_plugin.h, which explains every field; a method of your own replaces
! `take_step`, and `reverse`, by which the application finds exact gradients, or leaves that out.
module slopefield_rk4
  use, intrinsic :: iso_c_binding
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite, ieee_value, ieee_quiet_nan
  implicit none
  private
  public :: slopefield_plugin_v1

  integer(c_int32_t), parameter :: OK = 0, RECOVERABLE = 1, ERR_ARGUMENT = -1, &
    ERR_UNSUPPORTED = -2, ERR_STEP_TOO_SMALL = -5, ERR_NON_FINITE = -7
  integer(c_int32_t), parameter :: TYPE_F64 = 2, CAP_F64 = 64, CAP_DETERMINISTIC = 128, &
    CAP_STEP_VJP = 256, CAP_DENSE_SEGMENT = 2048, CAP_STEP_REDO = 4096, AT_LIMIT = 1, &
    OPTION_I64 = 1, OPTION_F64 = 2, BASIS_POWERS = 1
  ! Of the solution within a step.
  integer, parameter :: DEGREE = 3
  integer(c_int64_t), parameter :: MESSAGE_OFFSET = 16

  type, bind(c) :: slf_str
    type(c_ptr) :: ptr
    integer(c_int64_t) :: len
  end type

  type, bind(c) :: slf_error
    integer(c_int32_t) :: struct_size, code, message_len, reserved
    character(kind=c_char) :: message(1008)
  end type

  type, bind(c) :: slf_host
    integer(c_int32_t) :: struct_size, abi_minor
    type(c_ptr) :: ctx
    type(slf_str) :: name, version
    type(c_funptr) :: get_extension, log
  end type

  type, bind(c) :: slf_plugin
    integer(c_int32_t) :: struct_size, abi_minor
    type(slf_str) :: id, version
    type(c_funptr) :: get_factory, shutdown
  end type

  type, bind(c) :: slf_problem
    integer(c_int32_t) :: struct_size, dtype
    integer(c_int64_t) :: n
    type(c_ptr) :: ctx
    type(c_funptr) :: rhs, jacobian, jvp, vjp, dfdt, mass
    type(c_ptr) :: jacobian_pattern, mass_pattern
    type(c_funptr) :: poll, get_extension
  end type

  type, bind(c) :: slf_option
    type(slf_str) :: name
    integer(c_int32_t) :: type, reserved
    integer(c_int64_t) :: i64
    real(c_double) :: f64
    type(slf_str) :: text
    type(c_ptr) :: list
    integer(c_int64_t) :: list_len
  end type

  type, bind(c) :: slf_solver_config
    integer(c_int32_t) :: struct_size, reserved
    real(c_double) :: rtol
    type(c_ptr) :: atol
    real(c_double) :: h_init, h_min, h_max
    type(c_ptr) :: options
    integer(c_int64_t) :: n_options
  end type

  type, bind(c) :: slf_step
    integer(c_int32_t) :: struct_size, flags
    real(c_double) :: t_prev, t, h_next, error_norm
    type(c_ptr) :: y
    integer(c_int64_t) :: n_rejected
  end type

  type, bind(c) :: slf_solver_info
    integer(c_int32_t) :: struct_size, caps
    type(slf_str) :: id, name, reference
    real(c_double) :: order, dense_order
    type(slf_str) :: options_json
  end type

  type, bind(c) :: slf_solver_factory
    integer(c_int32_t) :: struct_size, reserved
    type(c_funptr) :: count, info, create, start, step, interpolate, restart, destroy, get_extension
  end type

  type, bind(c) :: slf_segment
    integer(c_int32_t) :: struct_size, basis, degree, reserved
    type(c_ptr) :: coefficients
  end type

  type, bind(c) :: slf_dense_segment
    integer(c_int32_t) :: struct_size, reserved
    type(c_funptr) :: max_degree, segment
  end type

  type, bind(c) :: slf_reversal
    integer(c_int32_t) :: struct_size, reserved
    real(c_double) :: t_prev, t
    type(c_ptr) :: y_prev, y, record
    integer(c_int64_t) :: n_inside
    type(c_ptr) :: inside, inside_weights, weights, ctx
    type(c_funptr) :: pull_back
  end type

  type, bind(c) :: slf_step_vjp
    integer(c_int32_t) :: struct_size, reserved
    type(c_funptr) :: record_len, record, reverse
  end type

  type, bind(c) :: slf_step_redo
    integer(c_int32_t) :: struct_size, reserved
    type(c_funptr) :: redo
  end type

  abstract interface
    function pull_back_function(ctx, t, y, w, sum) bind(c) result(status)
      import
      type(c_ptr), value :: ctx
      real(c_double), value :: t
      real(c_double), intent(in) :: y(*), w(*)
      real(c_double), intent(inout) :: sum(*)
      integer(c_int32_t) :: status
    end function

    function rhs_function(ctx, t, y, dydt) bind(c) result(status)
      import
      type(c_ptr), value :: ctx
      real(c_double), value :: t
      real(c_double), intent(in) :: y(*)
      real(c_double), intent(out) :: dydt(*)
      integer(c_int32_t) :: status
    end function
  end interface

  ! What an slf_solver points to.
  type :: instance
    procedure(rhs_function), pointer, nopass :: rhs
    type(c_ptr) :: ctx
    integer :: n
    real(c_double) :: t_prev, t, h
    real(c_double), pointer :: y(:)
    ! The solution within the last step: dense(:, m) belongs to the power m of the part of the step.
    real(c_double), allocatable :: dense(:, :)
    real(c_double), allocatable :: next(:), stage(:), k1(:), k2(:), k3(:), k4(:)
    ! For the reverse: the weight of each slope, and a sum.
    real(c_double), allocatable :: kappa(:, :), sum(:)
  end type

  ! Texts and tables that live as long as the process.
  character(kind=c_char, len=19), target, save :: PLUGIN_ID = 'org.example.fortran'
  character(kind=c_char, len=5), target, save :: PLUGIN_VERSION = '0.1.0'
  character(kind=c_char, len=3), target, save :: SOLVER_ID = 'rk4'
  character(kind=c_char, len=21), target, save :: SOLVER_NAME = 'Classical Runge-Kutta'
  character(kind=c_char, len=12), target, save :: REFERENCE = 'Kutta (1901)'
  character(kind=c_char, len=72), target, save :: OPTIONS = &
    '[{"name":"h","type":"number","default":0.01,"min":1e-9,"doc":"Length."}]'
  character(kind=c_char, len=27), parameter :: FACTORY_ID = 'slopefield.solver-factory/1'
  character(kind=c_char, len=33), parameter :: SEGMENT_ID = 'slopefield.solver.dense-segment/1'
  character(kind=c_char, len=28), parameter :: VJP_ID = 'slopefield.solver.step-vjp/1'
  character(kind=c_char, len=29), parameter :: REDO_ID = 'slopefield.solver.step-redo/1'
  type(slf_solver_info), target, save :: info_table
  type(slf_solver_factory), target, save :: factory_table
  type(slf_dense_segment), target, save :: segment_table
  type(slf_step_vjp), target, save :: vjp_table
  type(slf_step_redo), target, save :: redo_table
  type(slf_plugin), target, save :: plugin_table

contains

  function text(s) result(r)
    character(kind=c_char, len=*), target, intent(in) :: s
    type(slf_str) :: r
    r%ptr = c_loc(s)
    r%len = len(s)
  end function

  function equal(s, to) result(same)
    type(slf_str), intent(in) :: s
    character(kind=c_char, len=*), intent(in) :: to
    logical :: same
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    same = s%len == len(to)
    if (.not. same) return
    call c_f_pointer(s%ptr, letters, [len(to)])
    do i = 1, len(to)
      if (letters(i) /= to(i:i)) same = .false.
    end do
  end function

  ! Writes a sentence into the buffer of the application, as far as it fits.
  subroutine say(err, message)
    type(slf_error), intent(inout) :: err
    character(len=*), intent(in) :: message
    integer :: i, length
    length = int(min(int(len(message), c_int64_t), &
      max(int(err%struct_size, c_int64_t) - MESSAGE_OFFSET, 0_c_int64_t)))
    do i = 1, length
      err%message(i) = message(i:i)
    end do
    if (err%struct_size >= MESSAGE_OFFSET) err%message_len = length
  end subroutine

  function solver_count() bind(c) result(n)
    integer(c_int32_t) :: n
    n = 1
  end function

  function solver_info(index) bind(c) result(p)
    integer(c_int32_t), value :: index
    type(c_ptr) :: p
    p = c_null_ptr
    if (index == 0) p = c_loc(info_table)
  end function

  function create(id, problem, config, out, err) bind(c) result(status)
    type(slf_str), value :: id
    type(slf_problem), intent(in) :: problem
    type(slf_solver_config), intent(in) :: config
    type(c_ptr), intent(out) :: out
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    type(slf_option), pointer :: given(:)
    real(c_double) :: h
    integer :: i, n
    out = c_null_ptr
    status = ERR_ARGUMENT
    if (.not. equal(id, SOLVER_ID)) then
      call say(err, 'there is no such solver here')
      return
    end if
    if (problem%dtype /= TYPE_F64 .or. c_associated(problem%mass)) then
      status = ERR_UNSUPPORTED
      call say(err, 'this method takes no mass matrix')
      return
    end if
    h = 0.01_c_double
    if (config%h_init > 0) h = config%h_init
    if (config%n_options > 0) then
      call c_f_pointer(config%options, given, [int(config%n_options)])
      do i = 1, size(given)
        if (.not. equal(given(i)%name, 'h')) then
          call say(err, 'the only option is `h`')
          return
        end if
        if ((given(i)%type /= OPTION_F64 .and. given(i)%type /= OPTION_I64) .or. &
            .not. given(i)%f64 >= 1e-9_c_double) then
          call say(err, '`h` must be a number from 1e-9')
          return
        end if
        h = given(i)%f64
      end do
    end if
    n = int(problem%n)
    allocate(s)
    call c_f_procpointer(problem%rhs, s%rhs)
    s%ctx = problem%ctx
    s%n = n
    s%h = h
    s%t_prev = 0
    s%t = 0
    allocate(s%y(n), s%next(n), s%stage(n), s%k1(n), s%k2(n), s%k3(n), s%k4(n))
    allocate(s%dense(n, 0:DEGREE), s%kappa(n, 4), s%sum(n))
    out = c_loc(s)
    status = OK
  end function

  subroutine destroy(p) bind(c)
    type(c_ptr), value :: p
    type(instance), pointer :: s
    if (.not. c_associated(p)) return
    call c_f_pointer(p, s)
    deallocate(s%y)
    deallocate(s)
  end subroutine

  function restart(p, t, y, err) bind(c) result(status)
    type(c_ptr), value :: p
    real(c_double), value :: t
    type(c_ptr), value :: y
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    real(c_double), pointer :: values(:)
    call c_f_pointer(p, s)
    s%t_prev = t
    s%t = t
    if (s%n > 0) then
      call c_f_pointer(y, values, [s%n])
      s%y = values
    end if
    err%code = 0
    status = OK
  end function

  function start(p, t0, t_end, y0, err) bind(c) result(status)
    type(c_ptr), value :: p
    real(c_double), value :: t0, t_end
    type(c_ptr), value :: y0
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    status = ERR_ARGUMENT
    if (.not. ieee_is_finite(t_end)) return
    status = restart(p, t0, y0, err)
  end function

  ! The state at t_new in `next`.
  function take_step(s, t_new) result(status)
    type(instance), intent(inout) :: s
    real(c_double), intent(in) :: t_new
    integer(c_int32_t) :: status
    real(c_double) :: h
    h = t_new - s%t
    status = s%rhs(s%ctx, s%t, s%y, s%k1)
    if (status /= OK) return
    s%stage = s%y + 0.5_c_double * h * s%k1
    status = s%rhs(s%ctx, s%t + 0.5_c_double * h, s%stage, s%k2)
    if (status /= OK) return
    s%stage = s%y + 0.5_c_double * h * s%k2
    status = s%rhs(s%ctx, s%t + 0.5_c_double * h, s%stage, s%k3)
    if (status /= OK) return
    s%stage = s%y + h * s%k3
    status = s%rhs(s%ctx, t_new, s%stage, s%k4)
    if (status /= OK) return
    s%next = s%y + h / 6 * (s%k1 + 2 * s%k2 + 2 * s%k3 + s%k4)
  end function

  function step(p, t_limit, out, err) bind(c) result(status)
    type(c_ptr), value :: p
    real(c_double), value :: t_limit
    type(slf_step), intent(inout) :: out
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    real(c_double) :: rest, t_new
    logical :: last
    call c_f_pointer(p, s)
    rest = abs(t_limit - s%t)
    status = ERR_ARGUMENT
    if (.not. rest > 0) then
      call say(err, 'the limit is not ahead')
      return
    end if
    ! No sliver of a step at the end, which is met exactly.
    last = s%h * 1.000001_c_double >= rest
    t_new = s%t + sign(s%h, t_limit - s%t)
    if (last) t_new = t_limit
    status = take_step(s, t_new)
    out%h_next = s%h
    if (status == RECOVERABLE) then
      status = ERR_STEP_TOO_SMALL
      call say(err, 'undefined here, and a fixed step cannot shrink')
      return
    end if
    if (status /= OK) return
    if (.not. all(ieee_is_finite(s%next))) then
      status = ERR_NON_FINITE
      call say(err, 'the state overflowed')
      return
    end if
    out%flags = 0
    if (last) out%flags = AT_LIMIT
    out%t_prev = s%t
    out%t = t_new
    out%error_norm = ieee_value(1.0_c_double, ieee_quiet_nan)
    out%n_rejected = 0
    call keep(s, t_new - s%t)
    s%y = s%next
    s%t_prev = s%t
    s%t = t_new
    out%y = c_loc(s%y)
  end function

  ! The cubic through the step that its four stages give: E. Hairer, S. P. Norsett and G. Wanner,
  ! Solving Ordinary Differential Equations I (1993), section II.6.
  subroutine keep(s, h)
    type(instance), intent(inout) :: s
    real(c_double), intent(in) :: h
    s%dense(:, 0) = s%y
    s%dense(:, 1) = h * s%k1
    s%dense(:, 2) = h * (-1.5_c_double * s%k1 + s%k2 + s%k3 - 0.5_c_double * s%k4)
    s%dense(:, 3) = 2 * h / 3 * (s%k1 - s%k2 - s%k3 + s%k4)
  end subroutine

  function interpolate(p, t, derivative, values, err) bind(c) result(status)
    type(c_ptr), value :: p
    real(c_double), value :: t
    integer(c_int32_t), value :: derivative
    type(c_ptr), value :: values
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    real(c_double), pointer :: out(:)
    real(c_double) :: h, x
    call c_f_pointer(p, s)
    h = s%t - s%t_prev
    status = ERR_ARGUMENT
    if (.not. (t >= min(s%t_prev, s%t) .and. t <= max(s%t_prev, s%t) .and. abs(h) > 0)) then
      call say(err, 'the time is not inside the last step')
      return
    end if
    if (derivative > 1 .or. derivative < 0) then
      status = ERR_UNSUPPORTED
      call say(err, 'values and slopes only')
      return
    end if
    status = OK
    if (s%n == 0) return
    call c_f_pointer(values, out, [s%n])
    x = (t - s%t_prev) / h
    if (derivative == 0) then
      out = ((s%dense(:, 3) * x + s%dense(:, 2)) * x + s%dense(:, 1)) * x + s%dense(:, 0)
    else
      out = ((3 * s%dense(:, 3) * x + 2 * s%dense(:, 2)) * x + s%dense(:, 1)) / h
    end if
  end function

  function max_degree(p, highest, err) bind(c) result(status)
    type(c_ptr), value :: p
    integer(c_int32_t), intent(out) :: highest
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    status = OK
    if (.not. c_associated(p)) status = ERR_ARGUMENT
    err%code = 0
    highest = DEGREE
  end function

  ! The same cubic as coefficients, which the application then evaluates without a call.
  function segment(p, out, err) bind(c) result(status)
    type(c_ptr), value :: p
    type(slf_segment), intent(inout) :: out
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    real(c_double), pointer :: coefficients(:, :)
    call c_f_pointer(p, s)
    status = ERR_ARGUMENT
    if (.not. abs(s%t - s%t_prev) > 0 .or. out%degree < DEGREE) then
      call say(err, 'there is no step, or no room for a cubic')
      return
    end if
    out%basis = BASIS_POWERS
    out%degree = DEGREE
    status = OK
    if (s%n == 0) return
    call c_f_pointer(out%coefficients, coefficients, [s%n, DEGREE + 1])
    coefficients = s%dense
  end function

  ! The reverse of a step needs its first three slopes, which the states of its stages are made of.
  function record_len(p, length, err) bind(c) result(status)
    type(c_ptr), value :: p
    integer(c_int64_t), intent(out) :: length
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    call c_f_pointer(p, s)
    err%code = 0
    length = 3 * int(s%n, c_int64_t)
    status = OK
  end function

  function record(p, values, err) bind(c) result(status)
    type(c_ptr), value :: p, values
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    real(c_double), pointer :: slopes(:, :)
    call c_f_pointer(p, s)
    err%code = 0
    status = OK
    if (s%n == 0) return
    call c_f_pointer(values, slopes, [s%n, 3])
    slopes(:, 1) = s%k1
    slopes(:, 2) = s%k2
    slopes(:, 3) = s%k3
  end function

  ! From the weights of the end, and of values within the step, to those of the beginning.
  function reverse(p, step, err) bind(c) result(status)
    type(c_ptr), value :: p
    type(slf_reversal), intent(in) :: step
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    procedure(pull_back_function), pointer :: pull_back
    real(c_double), pointer :: weights(:), y_prev(:), k(:, :), inside(:), given(:, :)
    real(c_double) :: h, x, half
    integer :: m
    call c_f_pointer(p, s)
    call c_f_procpointer(step%pull_back, pull_back)
    status = OK
    if (s%n == 0) return
    call c_f_pointer(step%weights, weights, [s%n])
    call c_f_pointer(step%y_prev, y_prev, [s%n])
    call c_f_pointer(step%record, k, [s%n, 3])
    h = step%t - step%t_prev
    half = 0.5_c_double * h
    s%next = weights
    s%kappa(:, 1) = h / 6 * weights
    s%kappa(:, 2) = h / 3 * weights
    s%kappa(:, 3) = h / 3 * weights
    s%kappa(:, 4) = h / 6 * weights
    if (step%n_inside > 0) then
      call c_f_pointer(step%inside, inside, [int(step%n_inside)])
      call c_f_pointer(step%inside_weights, given, [s%n, int(step%n_inside)])
      ! What `keep` makes of the slopes.
      do m = 1, size(inside)
        x = (inside(m) - step%t_prev) / h
        s%next = s%next + given(:, m)
        s%kappa(:, 1) = s%kappa(:, 1) + h * ((2 * x / 3 - 1.5_c_double) * x + 1) * x * given(:, m)
        s%kappa(:, 2) = s%kappa(:, 2) + h * (1 - 2 * x / 3) * x * x * given(:, m)
        s%kappa(:, 3) = s%kappa(:, 3) + h * (1 - 2 * x / 3) * x * x * given(:, m)
        s%kappa(:, 4) = s%kappa(:, 4) + h * (2 * x / 3 - 0.5_c_double) * x * x * given(:, m)
      end do
    end if
    ! The last slope hands what its state got on to the slope before it.
    s%stage = y_prev + h * k(:, 3)
    call back(4, step%t)
    s%kappa(:, 3) = s%kappa(:, 3) + h * s%sum
    s%stage = y_prev + half * k(:, 2)
    call back(3, step%t_prev + half)
    s%kappa(:, 2) = s%kappa(:, 2) + half * s%sum
    s%stage = y_prev + half * k(:, 1)
    call back(2, step%t_prev + half)
    s%kappa(:, 1) = s%kappa(:, 1) + half * s%sum
    s%stage = y_prev
    call back(1, step%t_prev)
    if (status /= OK) call say(err, 'a product of the application failed')
    if (status == OK) weights = s%next
  contains
    subroutine back(number, time)
      integer, intent(in) :: number
      real(c_double), intent(in) :: time
      s%sum = 0
      if (status == OK) status = pull_back(step%ctx, time, s%stage, s%kappa(:, number), s%sum)
      s%next = s%next + s%sum
    end subroutine
  end function

  ! A step of the past once more, so that the application need not keep the record of every step.
  function redo(p, t_prev, y_prev, t, y, err) bind(c) result(status)
    type(c_ptr), value :: p, y_prev, y
    real(c_double), value :: t_prev, t
    type(slf_error), intent(inout) :: err
    integer(c_int32_t) :: status
    type(instance), pointer :: s
    real(c_double), pointer :: end_state(:)
    call c_f_pointer(p, s)
    status = restart(p, t_prev, y_prev, err)
    if (status == OK) status = take_step(s, t)
    if (status /= OK) then
      call say(err, 'a step of the past cannot be taken again')
      return
    end if
    call keep(s, t - t_prev)
    s%y = s%next
    s%t = t
    if (s%n == 0) return
    call c_f_pointer(y, end_state, [s%n])
    end_state = s%y
  end function

  function solver_extension(id) bind(c) result(p)
    type(slf_str), value :: id
    type(c_ptr) :: p
    p = c_null_ptr
    if (equal(id, VJP_ID)) p = c_loc(vjp_table)
    if (equal(id, REDO_ID)) p = c_loc(redo_table)
    if (equal(id, SEGMENT_ID)) p = c_loc(segment_table)
  end function

  function get_factory(id) bind(c) result(p)
    type(slf_str), value :: id
    type(c_ptr) :: p
    p = c_null_ptr
    if (equal(id, FACTORY_ID)) p = c_loc(factory_table)
  end function

  subroutine shut() bind(c)
  end subroutine

  function slopefield_plugin_v1(host, err) bind(c) result(p)
    type(slf_host), intent(in) :: host
    type(slf_error), intent(inout) :: err
    type(c_ptr) :: p
    p = c_null_ptr
    if (host%struct_size < c_sizeof(host)) then
      call say(err, 'the application is too old')
      return
    end if
    info_table%struct_size = int(c_sizeof(info_table), c_int32_t)
    info_table%caps = CAP_F64 + CAP_DETERMINISTIC + CAP_DENSE_SEGMENT + CAP_STEP_VJP + &
      CAP_STEP_REDO
    info_table%id = text(SOLVER_ID)
    info_table%name = text(SOLVER_NAME)
    info_table%reference = text(REFERENCE)
    info_table%order = 4
    info_table%dense_order = 3
    info_table%options_json = text(OPTIONS)
    factory_table%struct_size = int(c_sizeof(factory_table), c_int32_t)
    factory_table%count = c_funloc(solver_count)
    factory_table%info = c_funloc(solver_info)
    factory_table%create = c_funloc(create)
    factory_table%start = c_funloc(start)
    factory_table%step = c_funloc(step)
    factory_table%interpolate = c_funloc(interpolate)
    factory_table%restart = c_funloc(restart)
    factory_table%destroy = c_funloc(destroy)
    factory_table%get_extension = c_funloc(solver_extension)
    segment_table%struct_size = int(c_sizeof(segment_table), c_int32_t)
    segment_table%max_degree = c_funloc(max_degree)
    segment_table%segment = c_funloc(segment)
    vjp_table%struct_size = int(c_sizeof(vjp_table), c_int32_t)
    vjp_table%record_len = c_funloc(record_len)
    vjp_table%record = c_funloc(record)
    vjp_table%reverse = c_funloc(reverse)
    redo_table%struct_size = int(c_sizeof(redo_table), c_int32_t)
    redo_table%redo = c_funloc(redo)
    plugin_table%struct_size = int(c_sizeof(plugin_table), c_int32_t)
    plugin_table%abi_minor = 0
    plugin_table%id = text(PLUGIN_ID)
    plugin_table%version = text(PLUGIN_VERSION)
    plugin_table%get_factory = c_funloc(get_factory)
    plugin_table%shutdown = c_funloc(shut)
    p = c_loc(plugin_table)
  end function
end module
