using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Protocols;

/// <summary>A protocol that does not keep its contract is found in the first schedule of any scenario, and said by the check's own
/// name.</summary>
public sealed class ContractTests
{
    public static TheoryData<string> Scenarios => [.. ScenarioCatalog.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void A_protocol_that_never_publishes_is_invalid_in_every_scenario(string scenario) =>
        Assert.Equal(
            "PublishMemslotsAsync returns and has published nothing",
            MessageOf(scenario, context => new Publishing(context, (_, _) => ValueTask.CompletedTask)));

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void A_protocol_that_publishes_twice_is_invalid_in_every_scenario(string scenario) =>
        Assert.Equal(
            "PublishMemslotsAsync publishes one update 2 times",
            MessageOf(scenario, context => new Publishing(context, (_, publish) =>
            {
                publish();
                publish();
                return ValueTask.CompletedTask;
            })));

    [Fact]
    public void Publishing_after_the_call_has_returned_is_too_late()
    {
        Action? kept = null;
        Assert.Equal(
            "memslots are published after PublishMemslotsAsync has returned",
            MessageOf("fault-vs-invalidate", context => new Publishing(context, (_, publish) =>
            {
                publish();
                kept = publish;
                return ValueTask.CompletedTask;
            })
            { OnStart = () => kept!() }));
    }

    [Theory]
    [InlineData("fault-vs-invalidate", "RangeStartAsync")]
    [InlineData("memslot-create", "PublishMemslotsAsync")]
    public void A_call_that_waits_for_nothing_of_the_model_is_named(string scenario, string call)
    {
        var never = new TaskCompletionSource();
        Assert.Equal(
            $"nothing can run any more, and the protocol has not returned from {call}",
            MessageOf(scenario, context => new Publishing(context, (_, publish) =>
            {
                publish();
                return call == "PublishMemslotsAsync" ? new ValueTask(never.Task) : ValueTask.CompletedTask;
            })
            { Start = call == "RangeStartAsync" ? new ValueTask(never.Task) : ValueTask.CompletedTask }));
    }

    private static string MessageOf(string scenario, Func<ProtocolContext, IInvalidationProtocol> protocol)
    {
        var setup = new ScenarioSetup("of-the-test", CustomProtocol: protocol);
        var result = new Search(ScenarioCatalog.Find(scenario)!, setup, new SearchOptions { Schedules = 1 }).Run();
        Assert.NotNull(result.Finding);
        Assert.Null(result.Finding.Failure);
        var violation = result.Finding.Violations[0];
        Assert.Equal(Invariants.Contract, violation.Invariant);
        return violation.Message;
    }

    private sealed class Publishing(ProtocolContext context, Func<Operation, Action, ValueTask> publishes) : WrappedProtocol(context)
    {
        public ValueTask Start { get; init; } = ValueTask.CompletedTask;

        public Action OnStart { get; init; } = () => { };

        public override async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
        {
            OnStart();
            await Start;
            await base.RangeStartAsync(op, range);
        }

        public override ValueTask PublishMemslotsAsync(Operation op, Action publish) => publishes(op, publish);
    }
}
