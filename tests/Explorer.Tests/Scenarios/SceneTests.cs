using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>What a scenario is about does happen in it; a claim about what never comes to pass would always hold.</summary>
public sealed class SceneTests
{
    private const int Schedules = 100;

    private static readonly Dictionary<string, Func<Stage, long>> Happens = new()
    {
        ["fault-vs-invalidate"] = stage => stage.Vm.Vm.Counters.FaultRetries,
        ["overlapping-ranges"] = stage => stage.Vm.Vm.Counters.FaultRetries,
        ["memslot-delete"] = stage => stage.Vm.Vm.Counters.MemslotUpdates,
        ["memslot-vs-notifier"] = stage => stage.Vm.Vm.Counters.NotifierElided,
        ["dirty-log-get"] = stage => stage.Vm.Vm.Counters.DirtyPagesReported,
        ["dirty-log-clear"] = stage => stage.Vm.Vm.Counters.DirtyLogClears,
        ["initially-all-set"] = stage => stage.Vm.Vm.Counters.DirtyLogClears,
        ["dirty-ring"] = stage => stage.Vm.Vm.Counters.DirtyRingFullExits,
        ["fast-page-fault"] = stage => stage.Vm.Vm.Counters.FastPageFaults,
        ["ksm-merge"] = stage => stage.Bed.Host.Counters.KsmMerges,
        ["non-blockable-range"] = stage => stage.Vm.Driver!.Refusals,
        ["ageing-vs-logging"] = stage => stage.Vm.Vm.Counters.AgeingCalls,
        ["software-write"] = stage => stage.Vm.Vm.Counters.SoftwareWrites,
        ["device-writes"] = stage => stage.Vm.Vm.Counters.DeviceWrites,
        ["memslot-starvation"] = stage => stage.Vm.Vm.Counters.StartsWhilePublishingMax,
    };

    public static TheoryData<string> Scenarios => [.. Happens.Keys];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void What_a_scenario_is_about_happens(string name)
    {
        var player = new PlanPlayer(
            new ScenarioPlan(ScenarioCatalog.Find(name)!, new ScenarioSetup("active-count"), seed: 1), Exclusions.None);
        long times = 0;
        for (ulong seed = 1; seed <= Schedules; seed++)
            times += Happens[name](player.Play(new VirtualWorld(new RandomStrategy(seed))).Stage);
        Assert.True(times > 0, $"never in {Schedules} schedules");
    }

    [Theory]
    [InlineData("dirty-log-get")]
    [InlineData("dirty-log-clear")]
    [InlineData("initially-all-set")]
    [InlineData("dirty-ring")]
    [InlineData("fast-page-fault")]
    [InlineData("ksm-merge")]
    [InlineData("ageing-vs-logging")]
    [InlineData("software-write")]
    public void A_scenario_with_a_log_ends_with_its_final_sync(string name)
    {
        var player = new PlanPlayer(
            new ScenarioPlan(ScenarioCatalog.Find(name)!, new ScenarioSetup("active-count"), seed: 1), Exclusions.None);
        Assert.Equal(1, player.Play(new VirtualWorld(new RandomStrategy(1))).Stage.Vm.Vm.Counters.DirtyLogVerifications);
    }
}
