using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Tests.Running;

/// <summary>What results.json says of a migration: QEMU's units, and beside each round what could be expected when it began.</summary>
public sealed class MigrationFiguresTests
{
    private const long Page = 1024;
    private const long Wire = Page + 8;

    private readonly Campaign _campaign = new()
    {
        PageSize = (int)Page,
        Vms =
        [
            new()
            {
                Name = "a", RamPages = 1_000, Guest = new() { BytesPerVcpu = 1_000 * Page, Rate = 1_000, WritePercent = 100 },
                Content = new() { ZeroPercent = 0 },
            },
        ],
        Migrations = new() { MaxBandwidth = 1_000 * Wire, LinkBandwidth = 1_000 * Wire, DowntimeLimit = TimeSpan.FromMilliseconds(10) },
    };

    [Fact]
    public void Later_rounds_are_predicted_from_what_the_round_before_left_and_its_dirty_rate()
    {
        var rounds = Single(Info()).Rounds;
        var expected = rounds[1].Predicted!;
        Assert.Equal((1, 400, 400 * Wire, 400.0), (expected.Round, expected.Pages, expected.Transferred, expected.DurationMilliseconds));

        // 400 pages in the 800 ms of round 0, for 400 ms.
        Assert.Equal((200, 500.0), (expected.DirtiedPages, expected.DirtyPagesRate));
        Assert.Equal((0.09, GapReason.None), (rounds[1].Gap, rounds[1].GapReason));
    }

    [Fact]
    public void Round_0_is_predicted_from_the_workload()
    {
        // 1000 random writes a second over 1000 pages, for the second that round 0 takes: 1 - 1/e of them.
        var round = Single(Info()).Rounds[0];
        Assert.Equal(1_000 * Wire, round.Predicted!.Transferred);
        Assert.InRange(round.Predicted.DirtiedPages, 631, 633);
    }

    [Fact]
    public void The_whole_migration_is_forecast_from_where_the_guest_was_when_it_began()
    {
        Assert.Null(Single(Info()).Forecast);
        _campaign.Vms[0].Guest.Order = AccessOrder.Sequential;
        _campaign.Vms[0].Guest.Rate = 500;
        var forecast = Assert.Single(new MigrationFigures(_campaign).Of([Ended(Info()) with { ProgramMicroseconds = 250_000 }])).Forecast!;

        // 1000 pages over 1000 a second and 1 ms for the end of a round, in which half of that is dirtied: 1000, 500, 250, 125, 63, 31 and
        // 16 pages are sent, and 8 are left. In 10 ms so many fit at what a round had: of the last, 16 pages in 17 ms, 9.4. Set-up takes
        // 3.3 ms. The switchover takes 5.5 ms beside the pages, so it is over the limit.
        Assert.Equal((ForecastVerdict.OverLimit, 7, 250.0), (forecast.Verdict, forecast.Rounds, forecast.StartMilliseconds));
        Assert.InRange(forecast.TotalTime, 2_009, 2_015);
    }

    [Fact]
    public void Each_round_has_the_round_of_its_number_in_that_forecast_beside_it()
    {
        _campaign.Vms[0].Guest.Order = AccessOrder.Sequential;
        _campaign.Vms[0].Guest.Rate = 500;
        var late = new Round(9, 400, 0, 400 * Wire, 400_000, 50, 50 * Page, 50_000, 0, 0, DirtyLimited: false);
        var rounds = Assert.Single(
            new MigrationFigures(_campaign)
                .Of([Ended(Info() with { Rounds = [.. Info().Rounds, late] }) with { ProgramMicroseconds = 250_000 }])).Rounds;
        Assert.Equal([1_000, 500, null], rounds.Select(round => round.Forecast?.Pages));
        Assert.Equal(1, rounds[1].Forecast!.Round);
    }

    [Fact]
    public void A_gap_has_its_reason()
    {
        var second = new Round(1, 400, 0, 400 * Wire, 400_000, 50, 50 * Page, 50_000, 20, 0, DirtyLimited: false);
        var throttled = Single(Info() with { Rounds = [_first, second] }).Rounds[1];
        Assert.Equal(GapReason.Throttled, throttled.GapReason);
        Assert.Equal(-0.75, throttled.Gap);

        // The round after was measured under the same throttle, so it is foreseen.
        var after = Single(Info() with
        {
            Rounds =
            [
                _first with { ThrottlePercentage = 20 },
                new Round(1, 400, 0, 400 * Wire, 600_000, 300, 300 * Page, 300_000, 20, 0, DirtyLimited: false),
            ],
        }).Rounds[1];
        Assert.Equal((20, GapReason.LinkSaturated), (after.Predicted!.CpuThrottlePercentage, after.GapReason));
    }

    [Fact]
    public void A_migration_is_forecast_with_what_it_gets_of_a_link_that_it_has_to_itself()
    {
        _campaign.Migrations.LinkBandwidth = 500 * Wire;
        Assert.Equal(800, Single(Info()).Rounds[1].Predicted!.DurationMilliseconds);
        _campaign.Migrations.LinkBandwidth = 2_000 * Wire;
        Assert.Equal(400, Single(Info()).Rounds[1].Predicted!.DurationMilliseconds);
        _campaign.Migrations.MaxBandwidth = 0;
        Assert.Equal(200, Single(Info()).Rounds[1].Predicted!.DurationMilliseconds);
        Assert.Equal(500, Single(Info()).Rounds[0].Predicted!.DurationMilliseconds);
    }

    [Fact]
    public void What_others_took_of_the_link_explains_a_slow_round()
    {
        var second = new Round(1, 400, 0, 400 * Wire, 800_000, 400, 400 * Page, 400_000, 0, 0, DirtyLimited: false);
        var shared = Single(Info() with { Rounds = [_first, second with { LinkWaitMicroseconds = 390_000 }] }).Rounds[1];
        Assert.Equal((GapReason.LinkShared, 390.0), (shared.GapReason, shared.LinkWaitMilliseconds));
    }

    [Fact]
    public void What_a_switchover_costs_beside_its_pages_is_learned_from_the_migrations_before()
    {
        var migrations = new MigrationFigures(_campaign).Of([Ended(Info()), Ended(Info())]);

        // 218 pages are left at the last sync; 60 ms were sent in the downtime of 100.
        Assert.Equal([218.0, 258.0], migrations.Select(migration => migration.Predicted!.Downtime));
        Assert.Equal(10 + 1_000 + 400 + 258.0, migrations[1].Predicted!.TotalTime);

        // 632 of the 1000 pages become dirty in the second that they take: it is 632 ms, then 400, and so on down to 10.
        Assert.Equal(11, migrations[0].Predicted!.Rounds);
    }

    [Fact]
    public void Where_the_link_has_no_bound_a_stop_is_taken_to_be_as_long_as_those_before()
    {
        _campaign.Migrations.LinkBandwidth = 0;
        var migrations = new MigrationFigures(_campaign).Of([Ended(Info()), Ended(Info())]);
        Assert.Equal([0.0, 100.0], migrations.Select(migration => migration.Predicted!.Downtime));
    }

    [Fact]
    public void Without_a_bandwidth_there_is_none_for_round_0_and_that_of_the_round_before_for_the_others()
    {
        (_campaign.Migrations.MaxBandwidth, _campaign.Migrations.LinkBandwidth) = (0, 0);
        var migration = Single(Info());
        Assert.Null(migration.Rounds[0].Predicted);
        Assert.Null(migration.Rounds[0].Gap);

        // Round 0 carried 1000 pages in 0.8 s.
        Assert.Equal(320, migration.Rounds[1].Predicted!.DurationMilliseconds, 3);
    }

    [Fact]
    public void Figures_are_in_the_units_of_query_migrate()
    {
        var migration = Single(
            Info() with { Status = MigrationStatus.Failed, Reason = "broken", Steps = [new(MigrationStatus.PostcopyActive, 1_500)] });
        Assert.Equal(
            ("host-0", "host-1", "broken", true), (migration.Source, migration.Destination, migration.Reason, migration.GuestLost));
        Assert.Equal((2_000.5, 100, 10), (migration.TotalTime, migration.Downtime, migration.SetupTime));
        Assert.Equal((1_460 * Wire, 1_460 * Page), (migration.Ram.Transferred, migration.Ram.NormalBytes));
        Assert.Equal(Math.Round(1_460 * Wire * 8 / 2.0005 / 1e6, 3), migration.Ram.Mbps);
        Assert.Equal([new MigrationStatusTime(MigrationStatus.PostcopyActive, 1.5)], migration.Statuses);
        Assert.Null(Single(Info()).Reason);
    }

    [Fact]
    public void Migrations_beyond_the_bound_are_counted_and_the_bound_is_reported()
    {
        var ledger = new MigrationLedger(new RunClock(TimeProvider.System));
        for (var i = 0; i < MigrationLedger.KeptMax; i++) ledger.Ended(Ended(Info()));
        Assert.Empty(ledger.LimitsHit());
        ledger.Ended(Ended(Info() with { Status = MigrationStatus.Cancelled }) with { WasCancelled = true });
        ledger.Ended(Ended(Info() with { Status = MigrationStatus.Cancelled }));
        Assert.Equal((MigrationLedger.KeptMax, 1, 1), ledger.Counts);
        Assert.Equal(MigrationLedger.KeptMax, ledger.All.Count);
        Assert.Equal(("migrations", 2), (ledger.LimitsHit()[0].Limit, ledger.LimitsHit()[0].Times));
    }

    private static readonly Round _first = new(0, 1_000, 0, 1_000 * Wire, 800_000, 400, 400 * Page, 400_000, 0, 0, DirtyLimited: false);

    private static MigrationInfo Info() => new()
    {
        Status = MigrationStatus.Completed,
        TotalMicroseconds = 2_000_500,
        SetupMicroseconds = 10_000,
        DowntimeMicroseconds = 100_000,
        Total = 1_000 * Page,
        PageSize = Page,
        PrecopyBytes = 1_400 * Wire,
        DowntimeBytes = 60 * Wire,
        Normal = 1_460,
        Rounds = [_first, new Round(1, 400, 0, 400 * Wire, 400_000, 218, 218 * Page, 218_000, 0, 0, DirtyLimited: false)],
    };

    private MigrationResult Single(MigrationInfo info) => Assert.Single(new MigrationFigures(_campaign).Of([Ended(info)]));

    private EndedMigration Ended(MigrationInfo info)
    {
        var slot = new VmSlot(0, 0, _campaign.Vms[0]);
        return new EndedMigration(
            new VmMove(slot, 0, 1, "vm-0.1@host-0", "vm-0.2@host-1", 2, null!, null!, null!), info, WasCancelled: false);
    }
}
