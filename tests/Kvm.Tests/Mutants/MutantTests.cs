using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Tests.Scheduling;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Xunit.Abstractions;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>Every defect of the catalog is caught, and by an invariant that its entry names: the checks bite.</summary>
public sealed class MutantTests(ITestOutputHelper output)
{
    private const int SeedsMax = 400;

    public static TheoryData<string> Names => [.. MutantCatalog.All.Where(entry => entry.Campaign is not null).Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_catalog_names_the_invariant_that_catches_it(string name)
    {
        var entry = MutantCatalog.Find(name)!;
        for (ulong seed = 1; seed <= SeedsMax; seed++)
        {
            var broken = Run(entry.Id, seed);
            if (broken.Count == 0) continue;
            output.WriteLine($"{name}: {string.Join(", ", broken)} with seed {seed}");
            Assert.True(entry.CaughtBy.Any(broken.Contains), $"caught by {string.Join(", ", broken)}, the catalog says {string.Join(", ", entry.CaughtBy)}");
            return;
        }

        Assert.Fail($"{name} was not caught in {SeedsMax} schedules");
    }

    [Fact]
    public void Every_mutant_of_the_enum_is_in_the_catalog_once_and_has_its_own_name()
    {
        Assert.Equal(Enum.GetValues<Mutant>().Where(mutant => mutant != Mutant.None).Order(), MutantCatalog.All.Select(entry => entry.Id).Order());
        Assert.Equal(MutantCatalog.All.Count, MutantCatalog.All.Select(entry => entry.Name).Distinct().Count());
        Assert.All(MutantCatalog.All, entry => Assert.All(entry.CaughtBy, id => Assert.Contains(id, Checks.InvariantCatalog.All.Keys)));
    }

    private static IReadOnlySet<string> Run(Mutant mutant, ulong seed) => mutant switch
    {
        Mutant.NoResetAtDestroy => DestroyInsideARange(mutant, seed),
        Mutant.EndSkippedAfterEagain => new Swarm("active-count", seed, mutant, options => options with { HasRefusingDriver = true }).Run().Broken,
        Mutant.RingResetWithoutProtect => Log(mutant, seed, DirtyLogMode.Ring),
        Mutant.GetLogWithoutProtect or Mutant.LogFlushSkipped or Mutant.SoftwareWriteWithoutMark or Mutant.MarkBeforeFastFault =>
            Log(mutant, seed, (DirtyLogMode)(1 + (seed % 3))),
        _ => new Swarm("active-count", seed, mutant).Run().Broken,
    };

    private static IReadOnlySet<string> Log(Mutant mutant, ulong seed, DirtyLogMode mode) =>
        new Swarm("active-count", seed, mutant, options => options with { DirtyLog = mode, RamPages = 4 }).Run().Broken;

    private static IReadOnlySet<string> DestroyInsideARange(Mutant mutant, ulong seed)
    {
        var bed = new Bed(new BedOptions(seed % 2 == 0 ? "rwsem" : "active-count") { Mutant = mutant }, seed);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            var op = bed.NewOperation(OperationKind.HeldRange);
            await bed.Host.OpenRangeAsync(op, new HostEvent(OperationKind.HeldRange, vm.AddressSpaceId, new HvaRange(BedVm.RamHva(0), 1)));
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirstShared);
            await bed.Host.CloseRangeAsync(op);
        });
        return bed.Broken(result);
    }
}
