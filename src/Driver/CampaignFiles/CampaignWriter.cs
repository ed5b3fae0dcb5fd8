using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignFiles;

/// <summary>Writes a resolved campaign back as YAML, every key with its value, so that the file alone repeats the run.</summary>
internal static class CampaignWriter
{
    public static string Write(Campaign campaign, string comment)
    {
        using var text = new StringWriter { NewLine = "\n" };
        text.WriteLine($"# {OneLine.Of(comment)}");
        var emitter = new Emitter(
            text, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024, newLine: "\n"));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart());
        Campaign.Keys.Write(campaign, emitter);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }
}
