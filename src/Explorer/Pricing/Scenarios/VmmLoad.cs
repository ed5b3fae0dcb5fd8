using Livebed.Explorer.Pricing.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// Threads of the VMM that change the process's memory at a rate. A share of the changes is spurious: memory that no memslot covers, which
/// the VMM uses again before it changes it again. The others discard pages that a guest has used lately. A thread that is late begins at
/// once.
/// </summary>
internal static class VmmLoad
{
    public static IReadOnlyList<PricedParameter> Parameters { get; } =
    [
        new("rate", "changes of memory by the VMM, in a second", 10_000, 0, 1_000_000),
        new(PricedScenario.Spurious, "share of these that no memslot covers", 0.99, 0, 1, IsShare: true),
        new("threads", "threads of the VMM that make them", 4, 0, 64),
        new("pages", "pages of each change", 4, 1, 64),
    ];

    /// <summary>The same where the VMM changes nothing unless it is asked to.</summary>
    public static IReadOnlyList<PricedParameter> Quiet { get; } =
        [.. Parameters.Select(parameter => parameter.Name == "rate" ? parameter with { Default = 0 } : parameter)];

    public static int ScratchPages(PricedScene scene) => (int)(scene["threads"] * scene["pages"]) + 1;

    /// <summary>Adds the threads.</summary>
    public static void Start(PricedScene scene, IReadOnlyList<PricedGuest> guests, long pagesPerGuest)
    {
        var (threads, rate) = ((int)scene["threads"], scene["rate"]);
        if (rate <= 0) return;
        for (var index = 0; index < threads; index++)
        {
            var (thread, random) = (index, scene.Random.Fork((ulong)(1_000 + index)));
            var mean = threads * 1e9 / rate;
            scene.Bed.World.Start(
                $"vmm-{thread}", () => RunAsync(scene, thread, random, mean, guests, pagesPerGuest), PricedScene.Around(random, mean));
        }
    }

    private static async ValueTask RunAsync(
        PricedScene scene, int thread, SeededRandom random, double mean, IReadOnlyList<PricedGuest> guests, long pagesPerGuest)
    {
        var (bed, pages) = (scene.Bed, (long)scene["pages"]);
        var scratch = new HvaRange(VmLayout.ScratchHva + thread * pages, pages);
        var spurious = (long)Math.Round(scene[PricedScenario.Spurious] * 1_000_000);
        for (var due = bed.World.Now; ; due += PricedScene.Around(random, mean))
        {
            if (due > bed.World.Now) await bed.World.PauseAsync(due - bed.World.Now);
            if (random.Next(1_000_000) < spurious)
            {
                for (var page = 0; page < pages; page++) await bed.TouchAsync(scratch.Start + page);
                await bed.RunEventAsync(new HostEvent(HostEventKind.Spurious, 1, scratch));
            }
            else if (guests.Count > 0)
            {
                var vcpu = random.Next(guests.Count);
                var used = Math.Min(guests[vcpu].AccessesHandedOut, pagesPerGuest);
                var start = vcpu * pagesPerGuest + Math.Max(0, used - pages - 8);
                await bed.RunEventAsync(new HostEvent(HostEventKind.DontNeed, 1, new HvaRange(VmLayout.RamHva + start, pages)));
            }

            scene.WorkDone++;
        }
    }
}
