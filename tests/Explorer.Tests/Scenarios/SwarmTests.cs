using Livebed.Explorer.Beds;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>Everything at once: no false alarm under any protocol that there is, and every defect that a campaign shows is found without a
/// scenario of its own.</summary>
public sealed class SwarmTests(ITestOutputHelper output)
{
    private const long Schedules = 150;
    private const long SchedulesMax = 20_000;

    private static readonly Scenario _swarm = ScenarioCatalog.Find("swarm")!;

    public static TheoryData<string> Protocols => [.. ProtocolCatalog.All.Select(entry => entry.Name)];

    /// <summary>The swarm has no migration.</summary>
    public static TheoryData<string> Mutants =>
        [.. Mutant.All.Where(entry => entry.Campaign is not null and not ("migration" or "migration-faults"))
            .Select(entry => entry.Name)];

    /// <summary>The fair semaphore of the seed too: the swarm draws no nested ranges for it.</summary>
    [Theory]
    [MemberData(nameof(Protocols))]
    public void A_protocol_survives_everything_at_once(string protocol)
    {
        foreach (var strategy in (StrategyKind[])[StrategyKind.Random, StrategyKind.Pct])
        {
            var result = Search(new ScenarioSetup(protocol), strategy, Schedules);
            Assert.True(result.Finding is null, $"{strategy}: {Text.Of(result.Finding)}");
            Assert.True(
                result.PotentialDeadlocks.Count == 0, string.Join(" -> ", result.PotentialDeadlocks.SelectMany(cycle => cycle.Chains)));
        }
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void What_a_campaign_shows_is_caught_by_an_invariant_that_the_catalog_names(string name)
    {
        var mutant = Mutant.Find(name)!;
        var finding = Search(new ScenarioSetup(mutant.Protocol, mutant), StrategyKind.Random, SchedulesMax).Finding;
        output.WriteLine($"{name}: {Text.Of(finding)}");
        Assert.NotNull(finding);
        Assert.True(
            finding.Violations.Any(violation => mutant.CaughtBy.Contains(violation.Invariant)),
            $"the catalog says {string.Join(", ", mutant.CaughtBy)}, and not {Text.Of(finding)}");
    }

    /// <summary>The seed that a finding names draws its scene and its schedule, whatever the search began with.</summary>
    [Theory]
    [InlineData(StrategyKind.Random)]
    [InlineData(StrategyKind.Pct)]
    public void A_search_of_one_schedule_repeats_a_finding(StrategyKind strategy)
    {
        var setup = new ScenarioSetup("active-count", Mutant.SnapshotAfterLookup);
        var options = new SearchOptions { Strategy = strategy, Schedules = SchedulesMax };
        // The first schedule of a search repeats nothing.
        var found = Enumerable.Range(1, 100).Select(seed => new Search(_swarm, setup, options with { Seed = (ulong)seed }).Run().Finding!)
            .First(finding => finding.Schedule > 1);
        var again = new Search(_swarm, setup, options with { Seed = found.Seed, Schedules = 1 }).Run().Finding;
        Assert.Equal(found.Replay.LogHash, again?.Replay.LogHash);
    }

    /// <summary>Whatever may be drawn is drawn, and now and then in one scene what hides behind something else is not.</summary>
    [Fact]
    public void A_thousand_scenes_have_every_feature_and_lack_every_feature()
    {
        var plans = Enumerable.Range(1, 1000)
            .Select(seed => new ScenarioPlan(_swarm, new ScenarioSetup("active-count"), (ulong)seed)).ToList();
        Assert.Equal(Enum.GetValues<DirtyLogMode>().Order(), plans.Select(plan => plan.Options.DirtyLog).Distinct().Order());
        Func<BedOptions, bool>[] features = [
            options => options.HasAccessedBits, options => options.HasRefusingDriver, options => options.SpinMmuLock,
            options => options.Frames < 100, options => options.RamPages > 256,
        ];
        foreach (var feature in features)
            Assert.Equal(2, plans.Select(plan => feature(plan.Options)).Distinct().Count());
        string[] operations = [
            "another VM", "save tables", "scratch", "plugged", "MMIO", "audit", "software-write", "tear down", "final sync",

            // Every scene has a spurious range.
            .. HostEventKind.Events.Where(kind => kind != HostEventKind.Spurious).Select(kind => kind.Name),
        ];
        foreach (var words in operations)
        {
            var with = plans.Count(plan => plan.Actors.SelectMany(actor => actor.Operations)
                .Any(operation => operation.Text.Contains(words, StringComparison.Ordinal)));
            Assert.True(with > 0 && with < plans.Count, $"{with} scenes of {plans.Count} have \"{words}\"");
        }
    }

    /// <summary>Whichever way a protocol counts the range: with a lock, or with a number.</summary>
    [Theory]
    [InlineData("rwsem")]
    [InlineData("active-count")]
    public void A_destroy_inside_a_range_hangs_unless_it_resets_what_the_range_holds(string protocol)
    {
        foreach (var mutant in (Mutant?[])[null, Mutant.NoResetAtDestroy])
        {
            var bed = new Bed(new BedOptions(protocol) { Mutant = mutant }, seed: 1);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                var op = bed.NewOperation(HostEventKind.HeldRange);
                await bed.Host.OpenRangeAsync(op, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new(BedVm.RamHva(0), 1)));
                await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirstShared);
                await bed.Host.CloseRangeAsync(op);
            });
            if (mutant is null) Assert.Equal(ScheduleOutcome.Completed, result.Outcome);
            else Assert.Contains(bed.Broken(result), Mutant.Find("no-reset-at-destroy")!.CaughtBy.Contains);
        }
    }

    private static SearchResult Search(ScenarioSetup setup, StrategyKind strategy, long schedules) =>
        new Search(_swarm, setup, new SearchOptions { Strategy = strategy, Schedules = schedules }).Run();
}
