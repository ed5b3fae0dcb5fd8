using System.Globalization;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Pricing;

/// <summary>A sentence of the review of 2021 and what the experiment says to it, whatever it is.</summary>
/// <param name="Question">in the words of the review, shortened</param>
/// <param name="Answer">made of what was played</param>
public sealed record MuseumAnswer(string Question, string Answer)
{
    private const string Brownout = "spurious-brownout";

    public static IReadOnlyList<MuseumAnswer> Of(MuseumContent content)
    {
        var vcpus = PriceText.Place(content.CostOf(Brownout).Points[^1].Vcpus);
        return
        [
            new("Does a spurious notification brown out a VM with hundreds of vCPUs?", Brownouts(content, vcpus)),
            new("Why not count always, and keep the lock?", Always(content, vcpus)),
            new("What does the semaphore cost when nothing contends for it?", Uncontended(content)),
            new("What if the VM is destroyed between start and end?", Destroyed(content)),
            new("Should it be two patches, the first of which counts always? What does that one alone cost?", TwoPatches(content, vcpus)),
            new("Why was it a counter in the end?", Counter(content)),
        ];
    }

    private static string Brownouts(MuseumContent content, string vcpus)
    {
        var (old, hull, merged) = (ProtocolCatalog.Unconditional, ProtocolCatalog.HvaRange, ProtocolCatalog.ActiveCount);
        var lost = content[Brownout, merged, PricedResult.Guest] - content[Brownout, old, PricedResult.Guest];
        var lostWithHull = content[Brownout, merged, PricedResult.Guest] - content[Brownout, hull, PricedResult.Guest];
        return $"At {vcpus} vCPUs, where 99 % of the changes are spurious, a fault takes "
            + $"{Time(content, Brownout, old, PricedResult.FaultMean)} with {old} and "
            + $"{Time(content, Brownout, merged, PricedResult.FaultMean)} with {merged}; one in a hundred takes longer than "
            + $"{Time(content, Brownout, old, PricedResult.FaultP99)} and {Time(content, Brownout, merged, PricedResult.FaultP99)}. "
            + $"The guests lose {Number(lost)} percent of their time by it: {(lost < 1 ? "slow faults and no brownout" : "a brownout")}. "
            + $"With {hull}, which takes mmu_lock as often, a fault takes {Time(content, Brownout, hull, PricedResult.FaultMean)} "
            + $"and the guests lose {Number(lostWithHull)} percent: {(lostWithHull < 1
                ? "it is not the lock that browns the VM out, but that without a hull every fault retries while any range is open"
                : "the lock itself browns the VM out")}.";
    }

    private static string Always(MuseumContent content, string vcpus)
    {
        var (kept, merged) = (ProtocolCatalog.HvaRange, ProtocolCatalog.ActiveCount);
        return $"Counting always, with the hull that 5.12 has, makes a fault "
            + $"{Ratio(content, Brownout, kept, merged, PricedResult.FaultMean)} times as "
            + $"long on average and {Ratio(content, Brownout, kept, merged, PricedResult.FaultP99)} times at the 99th percentile, "
            + $"at {vcpus} vCPUs. "
            + $"A notification takes {Time(content, Brownout, kept, PricedResult.Notification)} instead of "
            + $"{Time(content, Brownout, merged, PricedResult.Notification)}, as it waits for the faults that are inside. "
            + $"A memslot update never waits for a range then: {Time(content.Waits[^1].Outcome, kept, PricedResult.UpdateMax)} at most, "
            + $"against "
            + $"{Time(content.Waits[^1].Outcome, merged, PricedResult.UpdateMax)} beside {content.Waits[^1].Threads} threads with ranges.";
    }

    private static string Uncontended(MuseumContent content)
    {
        const string Alone = "uncontended";
        var designs = (string[])[ProtocolCatalog.Rwsem, ProtocolCatalog.ActiveCount, ProtocolCatalog.Unconditional];
        return string.Join("; ", designs.Select(design =>
        {
            var (locks, all) = (
                content[Alone, design, PricedResult.LocksOfNotification], content[Alone, design, PricedResult.Notification]);
            var call = content[Alone, design, PricedResult.EventMean];
            return $"{design} {PriceText.Nanoseconds(locks)}, which is {Number(100 * locks / all)} percent of the notification and "
                + $"{Number(100 * locks / call)} percent of the change of memory";
        })) + ". So the claim holds: it is two atomics on a line that the CPU has, half of what the lock or the counter takes.";
    }

    private static string Destroyed(MuseumContent content)
    {
        var without = content.Hazards.Where(hazard => hazard is { Scenario: "destroy-in-range", Mutant: not null, Broke: not null })
            .Select(hazard => hazard.Design).ToList();
        var with = content.Hazards.Where(hazard => hazard is { Scenario: "destroy-in-range", Mutant: null, Broke: not null })
            .Select(hazard => hazard.Design).ToList();
        return $"What start has left must be reset. Without the reset the explorer finds a hang for {Listed(without)}. With it, "
            + $"it finds one for "
            + $"{Listed(with)} in {MuseumContent.SchedulesMax:N0} schedules of each. The time of a teardown is the same for all: "
            + $"{Time(content, "teardown", ProtocolCatalog.Rwsem, PricedResult.Done)} with rwsem, "
            + $"{Time(content, "teardown", ProtocolCatalog.Unconditional, PricedResult.Done)} with unconditional, "
            + $"which has nothing to reset.";
    }

    private static string TwoPatches(MuseumContent content, string vcpus)
    {
        var (first, both, before) = (ProtocolCatalog.HvaRange, ProtocolCatalog.Rwsem, ProtocolCatalog.Unconditional);
        return $"The first alone changes nothing in cost: it is what 5.12 did, {Time(content, Brownout, first, PricedResult.FaultMean)} "
            + $"a fault at "
            + $"{vcpus} vCPUs. The hull has done most already: {Time(content, Brownout, before, PricedResult.FaultMean)} without it. "
            + $"The second takes it to "
            + $"{Time(content, Brownout, both, PricedResult.FaultMean)}.";
    }

    private static string Counter(MuseumContent content)
    {
        var deadlock = content.Hazards.FirstOrDefault(hazard => hazard is { Scenario: "nested-ranges", Mutant: null, Broke: not null });
        var (last, threads) = (content.Waits[^1].Outcome, content.Waits[^1].Threads);
        return (deadlock is null
                ? "The search found no deadlock. "
                : $"The fair semaphore of {deadlock.Design} deadlocks with nested ranges ({deadlock.Command}). ")
            + $"The price of the counter is that nothing bounds an update's wait. Beside {threads} threads with ranges, in 100 ms "
            + $"of virtual time, {Updates(last, ProtocolCatalog.ActiveCount)} updates are published and one waits "
            + $"{Time(last, ProtocolCatalog.ActiveCount, PricedResult.UpdateMax)}; with the fair semaphore it is "
            + $"{Updates(last, ProtocolCatalog.Rwsem)} updates and {Time(last, ProtocolCatalog.Rwsem, PricedResult.UpdateMax)}, with "
            + $"the lock {Updates(last, ProtocolCatalog.HvaRange)} and {Time(last, ProtocolCatalog.HvaRange, PricedResult.UpdateMax)}.";
    }

    private static string Updates(PriceOutcome outcome, string design) =>
        Number(outcome.Points.Single(point => point.Design == design).Result[PricedResult.UpdateCount]);

    private static string Time(MuseumContent content, string scenario, string design, string figure) =>
        PriceText.Nanoseconds(content[scenario, design, figure]);

    private static string Time(PriceOutcome outcome, string design, string figure) =>
        PriceText.Nanoseconds(outcome.Points.Single(point => point.Design == design).Result[figure]);

    private static string Ratio(MuseumContent content, string scenario, string design, string other, string figure) =>
        (content[scenario, design, figure] / content[scenario, other, figure]).ToString("0.00", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private static string Listed(List<string> designs) => designs.Count == 0 ? "none" : string.Join(", ", designs);
}
