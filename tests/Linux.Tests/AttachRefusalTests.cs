using Livebed.Linux.Processes;

namespace Livebed.Linux.Tests;

/// <summary>EPERM has many causes; the one that applies is named, with what helps.</summary>
public sealed class AttachRefusalTests
{
    private static readonly AttachRefusal _none = new(
        User: 1000, MayTrace: false, IsFiltered: false, Users: [1000, 1000, 1000], IsDescendant: false, Tracer: 0, YamaScope: 0,
        IsDumpable: true);

    [Fact]
    public void The_cause_is_named()
    {
        Says("user 0, and this is user 1000", _none with { Users = [0, 0, 0] });
        Says("user 33, and this is user 1000", _none with { Users = [1000, 33, 1000] });
        Says("process 77 traces it already", _none with { Tracer = 77 });
        Says("livebed record -- program", _none with { YamaScope = 1 });
        Says("kernel.yama.ptrace_scope is 2", _none with { YamaScope = 2 });
        Says("until the next boot", _none with { YamaScope = 3, MayTrace = true });
        Says("not dumpable", _none with { IsDumpable = false });
        Says("seccomp", _none with { IsFiltered = true });
        Says("security module", _none);
    }

    [Fact]
    public void What_root_may_is_not_named_to_root()
    {
        var root = _none with { MayTrace = true, User = 0, YamaScope = 2, IsDumpable = false };
        Says("security module", root);
        Says("security module", _none with { YamaScope = 1, IsDescendant = true });
    }

    private static void Says(string part, AttachRefusal refusal)
    {
        Assert.Contains(part, refusal.Reason, StringComparison.Ordinal);
        Assert.Contains("; allowed: ", refusal.Reason, StringComparison.Ordinal);
    }
}
