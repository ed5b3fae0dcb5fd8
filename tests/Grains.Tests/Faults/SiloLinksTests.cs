using Livebed.Grains.Faults;

namespace Livebed.Grains.Tests.Faults;

/// <summary>What a silo's network does with bytes, as a nemesis orders it.</summary>
public sealed class SiloLinksTests
{
    private const int Long = 60_000;
    private readonly SiloLinks _links = new();

    [Fact]
    public async Task Without_an_order_bytes_go_on_at_once()
    {
        Assert.True(PassAsync(LinkWay.To).IsCompletedSuccessfully);
        _links.Order(new LinkOrders([new LinkOrder("silo-2", 2) { CutsTo = true, CutsFrom = true }], Long));
        await PassAsync(LinkWay.To);
        await PassAsync(LinkWay.From);
    }

    [Fact]
    public async Task A_cut_holds_bytes_back_until_it_is_healed_and_one_way_is_not_the_other()
    {
        _links.Order(new LinkOrders([new LinkOrder("silo-1", 1) { CutsTo = true }], Long));
        var held = PassAsync(LinkWay.To);
        var pages = _links.PassAsync("silo-1", LinkWay.To, 1, CancellationToken.None).AsTask();
        await PassAsync(LinkWay.From);
        Assert.False(held.IsCompleted || pages.IsCompleted);
        _links.Order(LinkOrders.None);
        await Task.WhenAll(held, pages);
    }

    [Fact]
    public async Task A_cut_heals_by_itself_when_its_time_is_over()
    {
        _links.Order(new LinkOrders([new LinkOrder("silo-1", 1) { CutsFrom = true }], 50));
        await PassAsync(LinkWay.From);
        await PassAsync(LinkWay.From);
    }

    [Fact]
    public async Task Bytes_of_a_connection_that_is_over_are_held_no_longer()
    {
        _links.Order(new LinkOrders([new LinkOrder("silo-1", 1) { CutsTo = true }], Long));
        using var over = new CancellationTokenSource();
        var held = _links.PassAsync(1, LinkWay.To, 1, over.Token).AsTask();
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
    }

    [Fact]
    public async Task A_slow_link_is_late_and_carries_one_piece_after_the_other()
    {
        _links.Order(new LinkOrders([new LinkOrder("silo-1", 1) { DelayMilliseconds = 20, BytesPerSecond = 10_000 }], Long));
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _links.PassAsync(1, LinkWay.To, 1_000, CancellationToken.None).AsTask()));

        // Three times 100 ms, and the way. A timer of the pool may be a little early by the coarse clock.
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds, 280, double.MaxValue);
    }

    [Fact]
    public void An_order_and_its_answer_survive_the_line_that_carries_them()
    {
        var order = new FaultOrder(7)
        {
            Links = new LinkOrders([new LinkOrder("silo-1", 1) { CutsTo = true, DelayMilliseconds = 3, BytesPerSecond = 4 }], 9),
            Ping = "silo-2",
            Milliseconds = 5,
        };
        var read = FaultOrder.Parse(order.ToLine())!;
        Assert.Equal(order.Links!.Links, read.Links!.Links);
        Assert.Equal((7, "silo-2", 5, 9), (read.Id, read.Ping, read.Milliseconds, read.Links.Milliseconds));
        Assert.Equal((7, 12L), FaultOrder.ParseAnswer(FaultOrder.Answer(7, 12)));
        Assert.Equal((7, null), FaultOrder.ParseAnswer(FaultOrder.Answer(7, null)));
        Assert.Null(FaultOrder.Parse("no order"));
        Assert.Null(FaultOrder.ParseAnswer("ready silo-1"));
    }

    private Task PassAsync(LinkWay way) => _links.PassAsync(1, way, 10, CancellationToken.None).AsTask();
}
