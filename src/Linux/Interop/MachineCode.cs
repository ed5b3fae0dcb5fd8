using System.Runtime.InteropServices;

namespace Livebed.Linux.Interop;

/// <summary>
/// What differs between processors in the system calls that the recorder puts into another process: numbers, registers, and the instruction
/// that enters the kernel. x86-64 is tried; arm64 is written by the kernel's headers and has not been tried.
/// </summary>
/// <param name="RegisterCount">64-bit words of <c>NT_PRSTATUS</c></param>
/// <param name="NumberRegister">index of the register with the call's number</param>
/// <param name="ResultRegister">of the register with its result</param>
/// <param name="InstructionPointer">of the program counter</param>
/// <param name="ArgumentRegister">of the register with the first argument</param>
/// <param name="SystemCallInstruction">bytes of the instruction</param>
/// <param name="InstructionAlignment">bytes to which it is aligned</param>
/// <param name="Ptrace">number of the call</param>
/// <param name="Userfaultfd">number of the call</param>
/// <param name="Close">number of the call</param>
internal sealed record MachineCode(
    int RegisterCount, int NumberRegister, int ResultRegister, int InstructionPointer, int ArgumentRegister,
    byte[] SystemCallInstruction, int InstructionAlignment, int Ptrace, int Userfaultfd, int Close)
{
    /// <summary>Numbers that all processors share.</summary>
    public const int PidfdOpen = 434;
    public const int PidfdGetfd = 438;

    /// <summary>Index of <c>orig_rax</c> on x86-64; -1 where the number of the interrupted call is not among the registers
    /// (arm64: <c>NT_ARM_SYSTEM_CALL</c>).</summary>
    public int InterruptedCallRegister { get; init; } = -1;

    // struct user_regs_struct: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip ...
    private static readonly MachineCode _x64 = new(27, 10, 10, 16, 14, [0x0f, 0x05], 1, 101, 323, 3)
    {
        InterruptedCallRegister = 15,
    };

    // struct user_pt_regs: x0 to x30, sp, pc, pstate; svc #0.
    private static readonly MachineCode _arm64 = new(34, 8, 0, 32, 0, [0x01, 0x00, 0x00, 0xd4], 4, 117, 282, 57);

    /// <summary>Of this process; null where the recorder knows no such processor.</summary>
    public static MachineCode? OfProcess { get; } = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => _x64,
        Architecture.Arm64 => _arm64,
        _ => null,
    };
}
