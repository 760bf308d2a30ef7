/**
 * The tap of a fenced VM: its network card's other end, on the hypervisor. Pure.
 *
 * Its name is ours, so that the hypervisor can tell it from other people's and keep it closed until its rules are there.
 */
import { createHash } from "node:crypto";

/** What the names of all taps of fenced VMs begin with; libvirt's own begin with `vnet`. */
export const tapPrefix = "hf";

/** Name of a VM's tap: 14 characters, of the 15 that Linux allows; the same for the same owner mark and name. */
export function tapName(owner: string, vm: string): string {
  return `${tapPrefix}${createHash("sha256").update(`tap\0${owner}\0${vm}`).digest("hex").slice(0, 12)}`;
}

/** The stylesheet that names the tap of a domain's only card; the provider has no argument for it. */
export function tapStylesheet(tap: string): string {
  return `<?xml version="1.0"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output omit-xml-declaration="yes" indent="yes"/>
  <xsl:template match="node()|@*">
    <xsl:copy><xsl:apply-templates select="node()|@*"/></xsl:copy>
  </xsl:template>
  <xsl:template match="/domain/devices/interface">
    <xsl:copy><xsl:apply-templates select="@*|node()[not(self::target)]"/><target dev="${tap}"/></xsl:copy>
  </xsl:template>
</xsl:stylesheet>
`;
}
