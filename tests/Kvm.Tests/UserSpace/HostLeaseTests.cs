using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Host;
using Livebed.Kvm.UserSpace;

namespace Livebed.Kvm.Tests.UserSpace;

public sealed class HostLeaseTests
{
    private const long Length = 300;

    /// <summary>How late a test sees what happened: a step takes one.</summary>
    private const long Look = 3;

    private readonly VirtualWorld _world = new(new RandomStrategy(1));
    private readonly GuestFence _fence;
    private readonly Authority _authority;
    private readonly HostLease _lease;

    public HostLeaseTests()
    {
        _fence = new GuestFence(_world, mutant: null);
        _authority = new Authority(_world);
        _lease = new HostLease(_world, _authority, _fence, Length);
    }

    [Fact]
    public void No_guest_runs_before_the_first_request_is_sent() => Assert.False(_fence.IsOpen);

    [Fact]
    public void Guests_run_from_the_first_grant_on_and_while_it_is_renewed() => Run(async () =>
    {
        await _authority.AnsweredAsync(1);
        for (var look = 0; look < 50; look++)
        {
            Assert.True(_fence.IsOpen);
            await _world.DelayAsync(Length / 10);
        }
    });

    [Fact]
    public void Without_an_answer_guests_stop_when_the_lease_is_over_that_was_asked_for_last() => Run(async () =>
    {
        await _authority.AnsweredAsync(1);
        var asked = _authority.AskedAt;
        _authority.Answer = LeaseStatus.Lost;
        while (_fence.IsOpen) await _world.DelayAsync(1);
        Assert.InRange(_world.NowMicroseconds, asked + Length, asked + Length + Look);
    });

    [Fact]
    public void An_answer_that_was_long_on_its_way_counts_from_when_it_was_asked_for() => Run(async () =>
    {
        _authority.TakesMicroseconds = Length / 4;
        await _authority.AnsweredAsync(1);
        var asked = _authority.AskedAt;
        _authority.Answer = LeaseStatus.Lost;
        while (_fence.IsOpen) await _world.DelayAsync(1);
        Assert.InRange(_world.NowMicroseconds, asked + Length, asked + Length + Look);
    });

    [Fact]
    public void A_host_that_is_answered_again_lets_its_guests_go_on() => Run(async () =>
    {
        await _authority.AnsweredAsync(1);
        _authority.Answer = LeaseStatus.Lost;
        while (_fence.IsOpen) await _world.DelayAsync(1);
        _authority.Answer = LeaseStatus.Granted;
        await _authority.AnsweredAsync(_authority.Answers + 1);
        Assert.True(_fence.IsOpen);
    });

    [Fact]
    public void A_host_that_was_given_up_stops_its_guests_at_once_and_for_good() => Run(async () =>
    {
        await _authority.AnsweredAsync(1);
        _authority.Answer = LeaseStatus.Refused;
        await _authority.AnsweredAsync(2);
        Assert.True(_lease.IsRefused);
        _authority.Answer = LeaseStatus.Granted;
        await _world.DelayAsync(10 * Length);
        Assert.False(_fence.IsOpen);
        Assert.Equal(2, _authority.Answers);
    });

    private void Run(Func<ValueTask> scenario)
    {
        _world.Spawn("lease", _lease.RunAsync);
        _world.Spawn("scenario", async () =>
        {
            await scenario();
            _lease.End();
        });
        var result = _world.Run(1_000_000);
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    private sealed class Authority(VirtualWorld world) : ILeaseAuthority
    {
        public LeaseStatus Answer { get; set; } = LeaseStatus.Granted;
        public long TakesMicroseconds { get; set; }
        public long AskedAt { get; private set; }
        public int Answers { get; private set; }

        public async ValueTask<LeaseStatus> RenewAsync()
        {
            var answer = Answer;
            if (answer == LeaseStatus.Granted) AskedAt = world.NowMicroseconds;
            if (TakesMicroseconds > 0) await world.DelayAsync(TakesMicroseconds);
            Answers++;
            return answer;
        }

        /// <summary>Returns when the host has had so many answers.</summary>
        public async ValueTask AnsweredAsync(int answers)
        {
            while (Answers < answers) await world.DelayAsync(1);
            await world.DelayAsync(1);
        }
    }
}
