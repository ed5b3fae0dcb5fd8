using Livebed.Explorer.Pricing.Beds;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>
/// vCPUs that fault at a rate, each on pages of its own that it has not touched yet, and the VMM's changes of memory beside them: what most
/// scenarios have for a background.
/// </summary>
internal static class GuestLoad
{
    /// <summary>Makes the bed, the vCPUs and the VMM's threads.</summary>
    /// <param name="scene">with the parameters of <see cref="VmmLoad"/></param>
    /// <param name="threads">beside the vCPUs</param>
    /// <param name="faults">of each vCPU in a second of its guest's work</param>
    /// <param name="with">further options of the bed</param>
    public static PricedBed Start(PricedScene scene, int threads, double faults, Func<PricedBedOptions, PricedBedOptions> with)
    {
        var mean = (long)(1e9 / faults);
        // The guest never comes to the end of its part: its work alone takes twice the time.
        var pages = Math.Max(16, 2 * scene.Nanoseconds / Math.Max(1, mean) + 16);
        var bed = scene.Make(threads, options => with(options with
        {
            RamPages = checked((int)(pages * scene.Vcpus)),
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
