using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;

namespace Livebed.Grains.Tests.Actors;

/// <summary>What the checks of a cluster say of a VM that has a defect, or of one that might have: the violations of every report, each of
/// which tells of one only once.</summary>
internal sealed class Findings
{
    private readonly SortedSet<string> _invariants = new(StringComparer.Ordinal);

    /// <summary>Invariants that were found to be broken.</summary>
    public IReadOnlyCollection<string> Invariants => _invariants;

    public void Take(IEnumerable<ActorReport> reports)
    {
        foreach (var report in reports)
        {
            Assert.Null(report.Failure);
            _invariants.UnionWith(report.Violations.Select(violation => violation.Invariant));
            Take(report.LastOfOthers);
        }
    }

    /// <summary>Reports of the VM and its vCPUs.</summary>
    public async Task<IReadOnlyList<ActorReport>> InspectAsync(BedVm vm)
    {
        var reports = await vm.Grain.InspectAsync(settled: false);
        Take(reports);
        return reports;
    }

    public async Task InspectWithHostAsync(BedVm vm)
    {
        Take([await vm.Host.InspectAsync()]);
        await InspectAsync(vm);
    }

    /// <summary>Returns when every vCPU has made so many accesses more.</summary>
    public async Task ProgressAsync(BedVm vm, long accesses)
    {
        var before = await AccessesAsync(vm);
        await Until.HoldsAsync(
            () => AccessesAsync(vm), now => before.All(vcpu => now[vcpu.Key] >= vcpu.Value + accesses), "progress of every vCPU");
    }

    /// <summary>Returns when an operation waits for a lock of the VM.</summary>
    public async Task WaitsForAsync(BedVm vm, LockClass lockClass) => await Until.HoldsAsync(
        async () => (await InspectAsync(vm)).SelectMany(report => report.Waits).Any(wait => wait.LockClass == lockClass.Name),
        waits => waits, $"a wait for {lockClass.Name}");

    /// <summary>The mutant of that name, which there has to be; null for none.</summary>
    public static Mutant? MutantOf(string name) => name == Mutant.None ? null : Mutant.All.Single(mutant => mutant.Name == name);

    /// <summary>The defect was found by a check that the catalogue names, and by no other than those that <paramref name="consequences"/>
    /// are; without one nothing was.</summary>
    public void AssertFound(Mutant? mutant, params string[] consequences)
    {
        if (mutant is null)
        {
            Assert.Empty(_invariants);
            return;
        }

        Assert.NotEmpty(_invariants.Intersect(mutant.CaughtBy));
        Assert.Empty(_invariants.Except(mutant.CaughtBy).Except(consequences));
    }

    private async Task<Dictionary<string, long>> AccessesAsync(BedVm vm) => (await InspectAsync(vm))
        .Where(report => report.Counters.Vcpu is not null)
            .ToDictionary(report => report.Actor, report => report.Counters.Vcpu!.Accesses);
}
