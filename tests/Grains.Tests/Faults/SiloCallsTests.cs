using Livebed.Grains.Faults;

namespace Livebed.Grains.Tests.Faults;

/// <summary>Which calls of a silo arrive twice or late, as a nemesis orders it.</summary>
public sealed class SiloCallsTests
{
    private static readonly CallOrders Twice = new(0.3, DelayMilliseconds: 100, Milliseconds: 60_000) { AreTwice = true, Seed = 7 };

    private readonly SiloCalls _calls = new();

    [Fact]
    public void Without_an_order_and_after_its_end_calls_go_as_usual()
    {
        Assert.Null(_calls.Draw());
        _calls.Order(Twice with { Share = 1, Milliseconds = 0 });
        Assert.Null(_calls.Draw());
        Assert.Equal(0, _calls.Order(CallOrders.None));
    }

    [Fact]
    public void A_seed_has_its_draws_and_what_was_struck_is_counted_until_the_next_order()
    {
        _calls.Order(Twice);
        var first = Enumerable.Range(0, 1_000).Select(_ => _calls.Draw()).ToList();
        var struck = first.OfType<CallFate>().ToList();
        Assert.InRange(struck.Count, 250, 350);
        Assert.All(struck, fate => Assert.InRange(fate.Late.TotalMilliseconds, 0, 100));
        Assert.All(struck, fate => Assert.InRange(fate.AgainLate!.Value.TotalMilliseconds, 0, 100));
        Assert.Equal(struck.Count, _calls.Struck);
        Assert.Equal(struck.Count, _calls.Order(Twice));
        Assert.Equal(first, Enumerable.Range(0, 1_000).Select(_ => _calls.Draw()));
    }

    [Fact]
    public void A_call_that_is_late_arrives_once()
    {
        _calls.Order(Twice with { Share = 1, AreTwice = false });
        Assert.All(Enumerable.Range(0, 10).Select(_ => _calls.Draw()), fate => Assert.Null(Assert.NotNull(fate).AgainLate));
    }

    [Fact]
    public void An_order_stands_in_a_line()
    {
        var order = new FaultOrder(3) { Calls = Twice };
        Assert.Equal(order, FaultOrder.Parse(order.ToLine()));
        Assert.True(FaultOrder.Parse(new FaultOrder(4) { CountsCalls = true }.ToLine())!.CountsCalls);
        Assert.Equal("silo-3", FaultOrder.Parse(new FaultOrder(5) { Dead = "silo-3" }.ToLine())!.Dead);
    }
}
