using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>The inventory and the port to it. It can be lost: then it does not answer until a new one, of a later term, has asked every
/// host what it owns.</summary>
/// <param name="world">the world</param>
/// <param name="hosts">each host's record of its own VMs, in the order in which a new inventory asks for them</param>
/// <param name="network">the way to it</param>
/// <param name="machinesDie">whether a caller may die before it has the answer</param>
/// <param name="mutant">the defect to have, or null</param>
internal sealed class BedInventory(
    VirtualWorld world, IReadOnlyList<HostOwnership> hosts, BedNetwork network, bool machinesDie, Mutant? mutant)
{
    private readonly Machine _machine = new(world, "inventory", machinesDie);
    private Tracked<VmInventory?> _register = new(world, new VmInventory(world, VmInventory.FirstTerm, mutant));
    private Tracked<(VmInventory? Register, string For)> _replaced = new(world, (null, ""));
    private Tracked<Action?> _whenAsked = new(world);
    private Tracked<bool> _isAwaited = new(world);
    private Tracked<string?> _unheardBy = new(world);
    private Tracked<(string To, long Microseconds)> _late = new(world, ("", 0));

    /// <summary>The owner of the VM now; for the checks at the end.</summary>
    public Ownership OwnerOf(string vm) => _register.Value?.Find(vm) ?? Ownership.Lost;

    public bool IsAway => _register.Value is null;

    /// <summary>Its machine goes down; grants that are on their way stay on their way.</summary>
    public void Lose() => _register.Value = null;

    /// <summary>A new one begins: it asks the hosts one after the other, and answers when it has heard all.</summary>
    /// <param name="reportMicroseconds">how long the report of each host is on its way, at least</param>
    public async ValueTask RestoreAsync(long reportMicroseconds = 0) => _register.Value = await MakeAsync(reportMicroseconds);

    /// <summary>Two new ones begin at the same time and choose the same term at first. The one of the later term stays; the other answers
    /// one host.</summary>
    public async ValueTask ReplaceByTwoAsync(string otherFor)
    {
        Lose();
        var other = world.Spawn("another inventory begins", async () => Begins(await MakeAsync(), otherFor));
        Begins(await MakeAsync(), otherFor);
        await other.Completion;
    }

    private void Begins(VmInventory? register, string otherFor)
    {
        if (register is null) return;
        var now = _register.Value;
        if (now is not null) _replaced.Value = (now.Term < register.Term ? now : register, otherFor);
        if (now is null || now.Term < register.Term) _register.Value = register;
    }

    private ValueTask<VmInventory?> MakeAsync(long reportMicroseconds = 0, string? without = null, long leaseMicroseconds = 0)
    {
        // Places have numbers in order of their making, which a migration that begins in the other order would change.
        world.Footprints?.WriteEverything();
        IReadOnlyList<IOwnershipReporter> reporters =
            [.. hosts.Where(host => host.Host != without).Select(host => new Reporter(world, host, reportMicroseconds))];
        return InventoryBeginning.MakeAsync(
            world, () => ValueTask.FromResult<IReadOnlyList<IOwnershipReporter>?>(reporters), leaseMicroseconds, mutant);
    }

    /// <summary>A new one begins while the old one goes on answering: everybody until the new one has asked all hosts, and one host after
    /// that.</summary>
    public async ValueTask ReplaceAsync(string replacedFor)
    {
        var old = _register.Value;
        await RestoreAsync();
        _replaced.Value = (old, replacedFor);
    }

    /// <summary>The one that was replaced answers no more.</summary>
    public void StopReplaced() => _replaced.Value = (null, "");

    /// <summary>It is on the far side of a network that is cut, with one host, which it goes on answering. Who asks from here waits for the
    /// next one.</summary>
    public void CutOff(string with)
    {
        _replaced.Value = (_register.Value, with);
        _isAwaited.Value = true;
        Lose();
    }

    /// <summary>A new one begins, for which only the others live; it waits for the lease of that host.</summary>
    public async ValueTask RestoreWithoutAsync(string host, long leaseMicroseconds) =>
        _register.Value = await MakeAsync(without: host, leaseMicroseconds: leaseMicroseconds);

    /// <summary>Its next answer to that host is on its way for so long, at least.</summary>
    public void AnswersLate(string host, long microseconds) => _late.Value = (host, microseconds);

    /// <summary>Its answers to that host are lost from now on, and what it is asked is done; null for none.</summary>
    public void IsUnheardBy(string? host) => _unheardBy.Value = host;

    /// <summary>Done once, when it is asked next: before a migration that is under way has begun.</summary>
    public void WhenAsked(Action action) => _whenAsked.Value = action;

    /// <summary>The way to it from a host.</summary>
    public IVmInventory From(string host) => new Way(this, host);

    private ValueTask<Ownership> AskAsync(Operation op, string from, Func<VmInventory, Ownership> ask)
    {
        var whenAsked = _whenAsked.Value;
        if (whenAsked is not null) _whenAsked.Value = null;
        whenAsked?.Invoke();
        return network.CallAsync(op, sent => _machine.CallAsync(sent, "answers", Ownership.Lost, _ => AnswerAsync(from, ask)));
    }

    private async ValueTask<Ownership> AnswerAsync(string from, Func<VmInventory, Ownership> ask)
    {
        var replaced = _replaced.Value;
        while (_isAwaited.Value && from != replaced.For && _register.Value is null) await world.PointAsync(SchedulingPoint.Retry);
        if (((from == replaced.For ? replaced.Register : null) ?? _register.Value) is not { } register) return Ownership.Lost;
        var answer = ask(register);

        // The answer is on its way, and the inventory may be lost before it arrives.
        await world.PointAsync(SchedulingPoint.Call);
        if (_late.Value is { Microseconds: > 0 } late && late.To == from)
        {
            _late.Value = ("", 0);
            await world.DelayAsync(late.Microseconds);
        }

        return _unheardBy.Value == from ? Ownership.Lost : answer;
    }

    /// <summary>A host as an inventory that begins sees it; its term is known at once, its report takes its time.</summary>
    private sealed class Reporter(VirtualWorld world, HostOwnership ownership, long reportMicroseconds) : IOwnershipReporter
    {
        public string Host => ownership.Host;

        public ValueTask<long?> TermAsync() => ValueTask.FromResult<long?>(ownership.Term);

        public async ValueTask<OwnershipReport> ReportAsync(long term)
        {
            await world.PointAsync(SchedulingPoint.Call);
            var report = OwnershipReport.From(ownership.Report(term));
            if (report.Status == OwnershipStatus.Granted && reportMicroseconds > 0) await world.DelayAsync(reportMicroseconds);
            return report;
        }
    }

    private sealed class Way(BedInventory inventory, string from) : IVmInventory
    {
        public ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host) =>
            inventory.AskAsync(op, from, register => register.Register(vm, host));

        public ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host) =>
            inventory.AskAsync(op, from, register => register.Claim(vm, epoch, host));

        public ValueTask<Ownership> FindAsync(Operation op, string vm) => inventory.AskAsync(op, from, register => register.Find(vm));

        public ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch) =>
            inventory.AskAsync(op, from, register => register.Remove(vm, epoch));
    }
}

/// <summary>The inventory of a bed without migrations; it is never asked.</summary>
internal sealed class NoInventory : IVmInventory, IHostOwnership
{
    public static readonly NoInventory Instance = new();

    public string Host => "";

    public ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host) => ValueTask.FromResult(Ownership.Lost);

    public ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host) => ValueTask.FromResult(Ownership.Lost);

    public ValueTask<Ownership> FindAsync(Operation op, string vm) => ValueTask.FromResult(Ownership.Lost);

    public ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch) => ValueTask.FromResult(Ownership.Lost);

    public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer) => ValueTask.FromResult(OwnershipStatus.Lost);

    public ValueTask ReleaseAsync(string vm, long epoch) => ValueTask.CompletedTask;
}
