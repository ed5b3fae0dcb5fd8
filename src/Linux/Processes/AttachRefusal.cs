using System.Globalization;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Processes;

/// <summary>
/// Why the kernel does not let one process look into another, and what to do: the order of <c>__ptrace_may_access</c>
/// (kernel/ptrace.c) and of the security modules after it. The kernel itself says EPERM, whatever it was.
/// </summary>
/// <param name="User">effective user of this process</param>
/// <param name="MayTrace">whether this process has CAP_SYS_PTRACE</param>
/// <param name="IsFiltered">whether this process's own system calls are filtered (seccomp)</param>
/// <param name="Users">real, effective and saved user of the other process</param>
/// <param name="IsDescendant">whether the other process was started by this one</param>
/// <param name="Tracer">process that traces the other one already; 0 for none</param>
/// <param name="YamaScope">of /proc/sys/kernel/yama/ptrace_scope; 0 where there is no Yama</param>
/// <param name="IsDumpable">whether the other process may be looked into by its own user</param>
public sealed record AttachRefusal(
    uint User, bool MayTrace, bool IsFiltered, IReadOnlyList<uint> Users, bool IsDescendant, int Tracer, int YamaScope, bool IsDumpable)
{
    private const int TraceCapability = 19;

    public static AttachRefusal Of(int process)
    {
        var user = Libc.EffectiveUser();
        var capabilities = ulong.TryParse(
            ProcessStatus.Field(Environment.ProcessId, "CapEff"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
            out var bits)
            ? bits
            : 0;
        var users = (ProcessStatus.Field(process, "Uid") ?? "").Split('\t', StringSplitOptions.RemoveEmptyEntries)
            .Take(3).Select(text => uint.Parse(text, CultureInfo.InvariantCulture)).ToList();
        var tracer = int.TryParse(
            ProcessStatus.Field(process, "TracerPid"), NumberStyles.None, CultureInfo.InvariantCulture, out var traced) ? traced : 0;
        return new AttachRefusal(
            user, (capabilities >> TraceCapability & 1) != 0, ProcessStatus.Field(Environment.ProcessId, "Seccomp") is not ("0" or null),
            users, ProcessStatus.Of(process)?.Parent == Environment.ProcessId, tracer, YamaScopeOfMachine(),
            CanRead($"/proc/{process}/maps"));
    }

    /// <summary>In a sentence, with what is allowed behind a semicolon.</summary>
    public string Reason
    {
        get
        {
            if (Tracer != 0) return $"process {Tracer} traces it already (a debugger?); allowed: when that has ended, or --backend compare";
            if (!MayTrace && Users.Any(other => other != User))
                return $"it belongs to user {Users.First(other => other != User)}, and this is user {User}; allowed: as that user, or as "
                    + "root";
            if (!MayTrace && !IsDumpable)
                return "it may not be looked into (it is not dumpable, as after a change of its user); allowed: as root";
            if (YamaScope >= 3) return "Yama forbids ptrace until the next boot (kernel.yama.ptrace_scope is 3); allowed: after a boot "
                + "with another value";
            if (YamaScope == 2 && !MayTrace) return "Yama allows ptrace to root only (kernel.yama.ptrace_scope is 2); allowed: as root";
            if (YamaScope == 1 && !MayTrace && !IsDescendant)
                return "Yama allows ptrace of children only (kernel.yama.ptrace_scope is 1); allowed: livebed record -- program, as root, "
                    + "or sysctl kernel.yama.ptrace_scope=0";
            return IsFiltered
                ? "this process's own system calls are filtered (seccomp, as in a container); allowed: from the host, or with another "
                    + "seccomp profile"
                : "the kernel refuses it (a security module, or another user namespace); allowed: as root, on the host";
        }
    }

    private static int YamaScopeOfMachine()
    {
        try
        {
            return int.Parse(File.ReadAllText("/proc/sys/kernel/yama/ptrace_scope"), CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            return 0;
        }
    }

    /// <summary>A process's own files cannot be read by its user exactly where it is not dumpable.</summary>
    private static bool CanRead(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
