using System.Text;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Kvm.Files;

namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// From a file and the command line to a <see cref="Campaign"/> that is known to be good: keys, types and bounds by
/// <see cref="Campaign.Keys"/>, then what holds between keys by <see cref="CampaignChecks"/>. Whatever is wrong is one
/// <see cref="UsageException"/> that says where.
/// </summary>
internal sealed class CampaignReader(CampaignFolders folders, TraceInspector inspectTrace)
{
    private const long FileBytesMax = 1 << 20;
    private const int DurationsPerWarmUp = 10;
    private static readonly TimeSpan _warmUpMax = TimeSpan.FromSeconds(5);

    /// <summary>Reads the campaign <paramref name="given"/> by path or name.</summary>
    public Campaign Read(string given, IReadOnlyList<Override> overrides)
    {
        var path = Find(given);
        var settings = Parse(path);
        var ownDuration = settings.Find("duration");
        Override.Apply(settings, overrides);
        var campaign = Campaign.Keys.Create();
        Campaign.Keys.Read(campaign, settings, "");
        ScaleMinimum(campaign, settings, ownDuration);
        Complete(campaign, path);
        new CampaignChecks(campaign, settings, inspectTrace).Run(vm => folders.FindTrace(vm.Guest.Trace, path));
        return campaign;
    }

    /// <summary>Name and description of a campaign, for a list; nothing else of it is checked.</summary>
    public (string Name, string Description) Describe(string path)
    {
        var settings = Parse(path);
        return (Path.GetFileNameWithoutExtension(path), (settings.Find("description")?.Value as ValueSetting)?.Text ?? "");
    }

    private string Find(string given) => folders.FindCampaign(given)
        ?? throw new UsageException($"{given}: there is no such campaign; allowed: a file, or one of {string.Join(", ", folders.Names)}");

    private SectionSetting Parse(string path)
    {
        var label = folders.Label(path);
        try
        {
            using var bytes = new MemoryStream(InputFile.Read(path, FileBytesMax));
            using var text = new StreamReader(bytes, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            return SettingParser.Parse(text, label);
        }
        catch (DecoderFallbackException)
        {
            throw new UsageException($"{label}: the file is not UTF-8 text; allowed: a YAML file");
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; allowed: a readable YAML file of at most {FileBytesMax} bytes");
        }
    }

    /// <param name="campaign">as it was read</param>
    /// <param name="settings">of it, with what the command line set</param>
    /// <param name="ownDuration">the file's; null when it has none</param>
    private static void ScaleMinimum(Campaign campaign, SectionSetting settings, SectionSetting.Entry? ownDuration)
    {
        if (settings.Find("minimum")?.Value is not SectionSetting minimum) return;
        var own = Campaign.Keys.Create();
        if (ownDuration is not null)
        {
            var alone = new SectionSetting(ownDuration.Origin);
            alone.Add(ownDuration);
            Campaign.Keys.Read(own, alone, "");
        }

        campaign.ScaleMinimum(own.Duration, minimum.Entries.Where(entry => !entry.Origin.FromCommandLine).Select(entry => entry.Key));
    }

    /// <summary>Names that were not given, and the warm-up: as a part of the duration, so that a short run stays short.</summary>
    private static void Complete(Campaign campaign, string path)
    {
        campaign.WarmUp ??= TimeSpan.FromTicks(Math.Min(_warmUpMax.Ticks, campaign.Duration.Ticks / DurationsPerWarmUp));
        if (campaign.Name.Length == 0) campaign.Name = ValueKinds.NameLike(Path.GetFileNameWithoutExtension(path));
        for (var i = 0; i < campaign.Vms.Count; i++)
        {
            if (campaign.Vms[i].Name.Length == 0) campaign.Vms[i].Name = FormattableString.Invariant($"vm{i}");
        }
    }
}

/// <summary>
/// Reads a whole dirty-page trace and returns how many pages it needs. Throws <see cref="Kvm.Guests.TraceFormatException"/> when it is
/// truncated or malformed.
/// </summary>
internal delegate long TraceInspector(string path);
