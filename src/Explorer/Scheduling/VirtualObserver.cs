using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>Keeps violations, up to a number that is still readable, and tells the world of each.</summary>
internal sealed class VirtualObserver(VirtualWorld world) : NullObserver
{
    private const int ViolationsKept = 64;

    // Made by the first guest that migrates. Whether there is one is state as well: accesses are judged from then on.
    private Tracked<OneOwnerCheck?> _owners = new(world);
    private Tracked<RunsSomewhereCheck?> _runs = new(world);
    private Tracked<string?> _givenUp = new(world);

    /// <summary>Of guests that migrate; time is virtual, so what is noted is exact.</summary>
    public RunsSomewhereCheck RunsSomewhere => _runs.Value ??= new RunsSomewhereCheck(world);

    public override void Violated(Violation violation)
    {
        if (Violations.Count < ViolationsKept) base.Violated(violation);
        world.ViolationSeen();
    }

    /// <summary>A guest accesses its memory, whatever the sides of its migration report.</summary>
    public void GuestAccessed(string vm, string host, long epoch)
    {
        if (_owners.Value?.Accessed(vm, host, epoch) is { } violation) Violated(violation);
    }

    public void GivenUp(string host)
    {
        _givenUp.Value = host;
        _owners.Value?.Died(host);
        RunsSomewhere.Died(host);
    }

    /// <summary>The guest was reported lost, and goes.</summary>
    public void Lost(string vm) => _runs.Value?.Lost(vm);

    /// <inheritdoc cref="RunsSomewhereCheck.Settled"/>
    public IReadOnlyList<Violation> Settled() => _runs.Value?.Settled() ?? [];

    public override void GuestRuns(string vm, string host, long epoch, bool runs)
    {
        // What it starts is of no account; what its guests access is judged all the same.
        if (_givenUp.Value == host) return;
        if ((_owners.Value ??= new OneOwnerCheck(world)).Note(vm, host, epoch, runs) is { } violation) Violated(violation);
        if (RunsSomewhere.Note(vm, host, epoch, runs, world.NowMicroseconds) is { } stood) Violated(stood);
    }
}
