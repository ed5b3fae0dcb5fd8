using Livebed.Grains.Contracts;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Wire;

/// <summary>What a network that fails on order does to the chunks of a migration, and to no others.</summary>
public sealed class LinkFaultTests
{
    private readonly List<(OperationId Op, int Connections)> _breaks = [];

    [Fact]
    public async Task A_link_breaks_in_post_copy_under_the_chunk_that_was_drawn_and_is_whole_for_the_next()
    {
        using var rig = await WireRig.StartAsync(faults: Ordered(new MigrationFaults { LinkBreaks = [1, 0], BreakOperations = [71, 72] }));
        StreamPhase[] phases = [StreamPhase.Precopy, StreamPhase.Precopy, StreamPhase.Postcopy, StreamPhase.Postcopy, StreamPhase.Postcopy,
            StreamPhase.Postcopy];
        var answers = new List<StreamStatus>();
        foreach (var phase in phases) answers.Add(await rig.SendAsync(InPhase(phase)));
        Assert.Equal([StreamStatus.Ok, StreamStatus.Ok, StreamStatus.Ok, StreamStatus.Lost, StreamStatus.Lost, StreamStatus.Ok], answers);
        Assert.Equal([71L, 72L], _breaks.Select(found => found.Op.Value));

        // The first break met the connection that had carried the chunks before; each chunk after a break made one of its own.
        Assert.Equal(2, _breaks.Count);
        Assert.Equal(1, _breaks[0].Connections);
        Assert.Equal(3, rig.Questions);
    }

    [Fact]
    public async Task A_break_closes_the_connections_of_all_channels_and_whoever_waits_for_an_answer_hears_nothing()
    {
        using var rig = await WireRig.StartAsync(faults: Ordered(new MigrationFaults { LinkBreaks = [1] }));
        var stall = new TaskCompletionSource<StreamStatus>();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rig.Door = (_, _, _) =>
        {
            arrived.TrySetResult();
            return stall.Task;
        };
        var other = rig.SendAsync(InPhase(StreamPhase.Postcopy, channel: 1));
        await arrived.Task;
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(InPhase(StreamPhase.Postcopy)));
        Assert.Equal(StreamStatus.Lost, await other);
        stall.SetResult(StreamStatus.Ok);
        Assert.InRange(Assert.Single(_breaks).Connections, 1, 2);
    }

    [Fact]
    public void Delays_are_drawn_from_the_whole_time_by_the_seed_and_are_none_where_none_was_ordered()
    {
        var faults = new MigrationFaults { JitterMicroseconds = 1_000, Seed = 5 };
        var (first, again) = (Delays(faults), Delays(faults));
        Assert.Equal(first, again);
        Assert.NotEqual(first, Delays(faults with { Seed = 6 }));
        Assert.All(first, delay => Assert.InRange(delay.TotalMicroseconds, 0, 999));
        Assert.Contains(first, delay => delay.TotalMicroseconds < 250);
        Assert.Contains(first, delay => delay.TotalMicroseconds > 750);
        Assert.All(Delays(MigrationFaults.None), delay => Assert.Equal(TimeSpan.Zero, delay));
    }

    private static List<TimeSpan> Delays(MigrationFaults faults)
    {
        var link = new PageLinkFaults(faults, (_, _) => Task.CompletedTask);
        return [.. Enumerable.Range(0, 100).Select(_ => link.NextDelay())];
    }

    private static Kvm.Host.Streams.PageChunk InPhase(StreamPhase phase, int channel = 0)
    {
        var chunk = WireRig.Chunk(channel);
        return chunk with { Header = chunk.Header with { Phase = phase } };
    }

    private PageLinkFaults Ordered(MigrationFaults faults) => new(faults, (op, cut) =>
    {
        _breaks.Add((op, cut()));
        return Task.CompletedTask;
    });
}
