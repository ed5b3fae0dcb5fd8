using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>The driver asks silos: it hears of every actor that has news, something under way or a wait, and of no other.</summary>
[Collection(ActorCollection.Name)]
public sealed class SiloBoardTests(ActorCollection.Clusters clusters)
{
    private readonly ActorSilo _silo = ASilo.New();

    [Fact]
    public async Task An_actor_without_news_is_not_named_and_one_with_news_is()
    {
        var (busy, quiet) = (Joined("vm-0.0@host-0"), Joined("vm-1.0@host-0"));
        Assert.Equal(2, (await CollectAsync()).Reports.Count);
        Assert.Empty((await CollectAsync()).Reports);

        busy.Observer.Violated(new Violation("S1", "a stale translation was used"));
        var report = Assert.Single((await CollectAsync()).Reports);
        Assert.Equal(("vm-0.0@host-0", 1), (report.Actor, report.Violations.Count));
        Assert.Equal(2, (await CollectAsync(CollectKind.All)).Reports.Count);
        quiet.Leave();
        Assert.Single((await CollectAsync(CollectKind.All)).Reports);
    }

    [Fact]
    public async Task What_is_under_way_keeps_an_actor_on_the_board_until_it_has_ended()
    {
        var actor = Joined("vm-0.0@host-0");
        await CollectAsync();
        var call = new TaskCompletionSource();
        var during = actor.DuringAsync(new ValueTask(call.Task)).AsTask();
        for (var round = 0; round < 3; round++) Assert.Single((await CollectAsync()).Reports);
        call.SetResult();
        await during;
        Assert.Single((await CollectAsync()).Reports);
        Assert.Empty((await CollectAsync()).Reports);

        var op = new OperationId(7);
        actor.Began(op);
        for (var round = 0; round < 2; round++)
            Assert.Equal([op.Value], Assert.Single((await CollectAsync()).Reports).LiveOperations);
        actor.Ended(op);
        Assert.Single((await CollectAsync()).Reports);
        Assert.Empty((await CollectAsync()).Reports);
    }

    [Fact]
    public async Task An_actor_that_does_not_answer_is_named_and_holds_up_no_other()
    {
        using var stuck = new ManualResetEventSlim();
        var silent = new ActorJournal(_silo, "vm-0.0@host-0");
        silent.Join(_ =>
        {
            stuck.Wait();
            return Report(silent);
        });
        Joined("vm-1.0@host-0");
        var reader = new BoardReader(_silo.Board, _silo.Telemetry, TimeSpan.FromMilliseconds(20));
        var reports = new List<ActorReport>();
        var answer = await reader.CollectAsync(CollectKind.News, measuredFrom: 0);
        for (reports.AddRange(answer.Reports); reports.Count == 0; reports.AddRange(answer.Reports))
            answer = await reader.CollectAsync(CollectKind.Rest, measuredFrom: 0);
        Assert.Equal("vm-1.0@host-0", Assert.Single(reports).Actor);
        Assert.Equal((1, "vm-0.0@host-0"), (answer.Left, Assert.Single(answer.Silent)));
        stuck.Set();
        var rest = await Until.HoldsAsync(
            () => reader.CollectAsync(CollectKind.Rest, measuredFrom: 0), more => more.Left == 0, "the answer");
        Assert.Equal("vm-0.0@host-0", Assert.Single(rest.Reports).Actor);
    }

    [Fact]
    public async Task An_actor_that_breaks_is_told_in_a_sentence()
    {
        var actor = new ActorJournal(_silo, "vm-0.0@host-0");
        actor.Join(_ => throw new InvalidOperationException("broken"));
        var answer = await CollectAsync();
        Assert.Contains("vm-0.0@host-0 gave no report: InvalidOperationException: broken", answer.Failed);
        Assert.Equal((0, 0), (answer.Left, answer.Reports.Count));
    }

    [Fact]
    public async Task More_actors_than_an_answer_takes_come_in_several()
    {
        for (var vm = 0; vm < 1_500; vm++) Joined(ActorKeys.Vm(vm, 0, 0));
        var reader = new BoardReader(_silo.Board, _silo.Telemetry, TimeSpan.FromSeconds(10));
        var (first, second) = (
            await reader.CollectAsync(CollectKind.News, measuredFrom: 0), await reader.CollectAsync(CollectKind.Rest, measuredFrom: 0));
        Assert.Equal((1_000, 500, 500, 0), (first.Reports.Count, first.Left, second.Reports.Count, second.Left));
        Assert.Equal(1_500, first.Reports.Concat(second.Reports).Select(report => report.Actor).Distinct().Count());
    }

    [Fact]
    public async Task A_silo_tells_of_its_host_always_and_of_a_vm_from_the_first_wait_to_its_end()
    {
        var bed = await clusters.BedAsync(PlacementMode.Packed);
        var vm = await bed.PlanAsync(new VmPlan(AccessesPerSecond: 1));
        await vm.CreateAsync();
        async Task<ActorReport?> ToldAsync(string actor)
        {
            var answers = await Task.WhenAll(bed.SiloNames.Select(
                silo => bed.Grains.GetGrain<IBoardGrain>(silo).CollectAsync(CollectKind.News, measuredFrom: 0).AsTask()));
            var reports = answers.SelectMany(answer => answer.Reports).ToList();
            bed.Take(reports);
            return reports.SingleOrDefault(report => report.Actor == actor);
        }

        Assert.NotNull(await ToldAsync(vm.HostKey));
        await Until.HoldsAsync(() => ToldAsync(vm.Key), told => told is null, "a VM without news");
        Assert.NotNull(await ToldAsync(vm.HostKey));

        // A memslot update waits for the end of a range.
        var held = bed.Next(HostEventKind.HeldRange);
        await vm.Host.OpenRangeAsync(held, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new HvaRange(VmLayout.RamHva, 1)));
        var update = vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        await Until.HoldsAsync(() => ToldAsync(vm.Key), told => told?.Waits.Count > 0, "the wait");
        for (var round = 0; round < 3; round++) Assert.Single((await ToldAsync(vm.Key))!.Waits);
        await vm.Host.CloseRangeAsync(held);
        await update;
        await Until.HoldsAsync(() => ToldAsync(vm.Key), told => told is null, "a VM without news");
        bed.Take(await vm.DestroyAsync());
    }

    private ActorJournal Joined(string actor)
    {
        var journal = new ActorJournal(_silo, actor);
        journal.Join(_ => Report(journal));
        return journal;
    }

    private static ActorReport Report(ActorJournal journal) => journal.Report(new ActorCounters(), [], [], []);

    private Task<BoardReport> CollectAsync(CollectKind kind = CollectKind.News) =>
        new BoardReader(_silo.Board, _silo.Telemetry, TimeSpan.FromSeconds(10)).CollectAsync(kind, measuredFrom: 0);
}
