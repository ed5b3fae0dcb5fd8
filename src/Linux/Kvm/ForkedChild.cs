using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// A child of this process that ends at once. What is forked is one thread of a runtime with many, so nothing of it may run in the child:
/// the few instructions that call fork and then exit_group lie in a page of their own.
/// </summary>
internal sealed unsafe class ForkedChild : IDisposable
{
    private readonly nint _code;

    /// <exception cref="KvmException">There is no memory that may be executed.</exception>
    public ForkedChild()
    {
        // mov eax, 57; syscall; test eax, eax; jnz +9; xor edi, edi; mov eax, 231; syscall; ret
        ReadOnlySpan<byte> code =
            [0xb8, 57, 0, 0, 0, 0x0f, 0x05, 0x85, 0xc0, 0x75, 0x09, 0x31, 0xff, 0xb8, 231, 0, 0, 0, 0x0f, 0x05, 0xc3];
        _code = Libc.Map(
            0, (nuint)ScriptMemory.PageBytes, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (_code == -1) throw KvmException.Last("memory cannot be had");
        code.CopyTo(new Span<byte>((void*)_code, code.Length));
        if (Libc.Protect(_code, (nuint)ScriptMemory.PageBytes, Libc.ProtectRead | Libc.ProtectExecute) < 0)
            throw KvmException.Last("memory cannot be executed");
    }

    /// <summary>Forks, and waits for the child's end.</summary>
    /// <returns>0 or an error number</returns>
    public int Run()
    {
        var child = ((delegate* unmanaged<int>)_code)();
        if (child < 0) return -child;
        // Another part of the process may have waited for it; then it has ended all the same.
        while (Libc.Wait(child, null, 0) < 0 && Libc.LastError == KvmError.Interrupted)
        {
        }

        return 0;
    }

    public void Dispose() => _ = Libc.Unmap(_code, (nuint)ScriptMemory.PageBytes);
}
