using Livebed.Explorer.Pricing.Beds;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// vCPUs that fault at a rate, each on pages of its own that it has not touched yet, and the VMM's changes of memory beside them: what most
/// scenarios have for a background.
/// </summary>
internal static class GuestLoad
{
    /// <summary>How much memory each guest has.</summary>
    public static PricedParameter Ram { get; } = new(
        "ram", "pages that each vCPU uses by turns; 0 for more than it comes to, so that each access faults", 0, 0, 1 << 20);

    /// <summary>Of a part that the guest never comes to the end of, its work alone takes twice the time of the run.</summary>
    public static long PagesPerVcpu(Func<string, double> value) =>
        value("ram") > 0
            ? (long)value("ram")
            : (long)(2 * value(PricedScenario.Milliseconds) / 1_000 * value("faults")) + 16;

    /// <summary>Makes the bed, the vCPUs and the VMM's threads.</summary>
    /// <param name="scene">with the parameters of <see cref="VmmLoad"/>, <c>faults</c> and <see cref="Ram"/></param>
    /// <param name="threads">beside the vCPUs</param>
    /// <param name="with">further options of the bed</param>
    public static PricedBed Start(PricedScene scene, int threads, Func<PricedBedOptions, PricedBedOptions> with)
    {
        var mean = (long)(1e9 / scene["faults"]);
        var pages = PagesPerVcpu(name => scene[name]);
        var bed = scene.Make(threads, options => with(options with
        {
            RamPages = (int)(pages * scene.Vcpus),
            ScratchPages = VmmLoad.ScratchPages(scene),
        }));
        scene.PagesPerVcpu = pages;
        var guests = new List<PricedGuest>();
        for (var vcpu = 0; vcpu < scene.Vcpus; vcpu++)
        {
            var random = scene.Random.Fork((ulong)vcpu);
            guests.Add(new PricedGuest(random, vcpu, pages, mean));
            bed.AddVcpu(guests[vcpu], PricedScene.Around(random, mean));
        }

        VmmLoad.Start(scene, guests, pages);
        return bed;
    }
}
