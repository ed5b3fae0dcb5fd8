using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Run;
using Livebed.Driver.Running;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Tests.Running;

/// <summary>Ten thousand VMs: so many at once, rows for the worst and a sample, a line now and then, and a refusal where memory
/// ends.</summary>
public sealed class ManyVmsTests
{
    [Fact]
    public async Task So_many_are_under_way_at_once_and_one_that_fails_keeps_no_other_from_being_done()
    {
        var (under, most, counts) = (0, 0, new List<int>());
        var gate = new Lock();
        async Task WorkAsync(int vm)
        {
            lock (gate) most = Math.Max(most, ++under);
            await Task.Yield();
            lock (gate) under--;
            if (vm == 3) throw new InvalidOperationException("three");
        }

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(
            () => ManyVms.EachAsync([.. Enumerable.Range(0, 1_000)], WorkAsync, done =>
            {
                lock (gate) counts.Add(done);
            }));
        Assert.Equal("three", failure.Message);
        Assert.InRange(most, 1, ManyVms.AtOnce);
        Assert.Equal(Enumerable.Range(1, 999), counts.Order());
    }

    [Fact]
    public void Of_many_guests_the_worst_and_a_sample_have_a_row()
    {
        var rows = Enumerable.Range(0, 10_000)
            .Select(vm => new GuestResult($"vm-{vm}", 1, null, vm, 0, vm % 1_000 == 7 ? 0.1 : 1)).ToList();
        var listed = OutcomeFigures.Listed(rows);
        Assert.Equal(OutcomeFigures.GuestRowsMax, listed.Select(row => row.Vm).Distinct().Count());
        Assert.Equal(10, listed.Count(row => row.ExecutedShare < 1));
        Assert.Equal(listed.Select(row => row.Accesses).Order(), listed.Select(row => row.Accesses));
        Assert.Contains(listed, row => row.Accesses > 9_800);
        Assert.Same(rows, OutcomeFigures.Listed([.. rows.Take(5)]).Count == 5 ? rows : null);
    }

    [Fact]
    public void Vms_that_do_not_fit_into_memory_are_refused_with_what_they_take()
    {
        var campaign = new Campaign { Vms = [new() { Count = 100_000, TlbEntries = 64 }] };
        Assert.Null(MemoryNeed.ProblemOf(campaign, 24L << 30));
        Assert.Null(MemoryNeed.ProblemOf(campaign, available: 0));
        campaign.Vms[0].TlbEntries = 4096;
        var problem = MemoryNeed.ProblemOf(campaign, 24L << 30)!;
        Assert.StartsWith("vms: 100000 VMs take about 26", problem, StringComparison.Ordinal);
        Assert.Contains("there are 24576MiB; allowed: ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steps_are_told_now_and_then_and_never_wider_than_the_screen()
    {
        var time = new HandTime();
        using var output = new StringWriter();
        await new PlainProgress(output, time).ShowAsync(progress =>
        {
            progress.Phase("creating 10,000 VMs");
            for (var done = 1; done <= 10_000; done++)
            {
                time.Advance(TimeSpan.FromMilliseconds(1));
                progress.Step(done, 10_000);
            }

            return Task.FromResult(0);
        });
        Assert.Equal(
            ["creating 10,000 VMs", "  5,000 of 10,000 VMs", "  10,000 of 10,000 VMs"],
            output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private sealed class HandTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan time) => _now += time.Ticks;
    }
}
